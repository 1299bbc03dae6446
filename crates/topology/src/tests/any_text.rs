//! Texts that nobody would write.

use proptest::prelude::*;

use super::{SHIPPED, source};
use crate::{Overrides, load};

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", lines in prop::collection::vec("[a-z.\\[\\]{}=\"$# \n0-9-]{0,40}", 0..20)) {
        let _ = load(&source(&text), &Overrides::default());
        let _ = load(&source(&lines.join("\n")), &Overrides::default());
    }

    #[test]
    fn no_mutilation_of_the_shipped_file_panics_and_every_message_is_one_line_of_the_file(
        cuts in prop::collection::vec((0..SHIPPED.len(), 0_usize..40, "[\\PC\n]{0,6}"), 1..6),
    ) {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        for (at, length, insert) in cuts {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(problems) = load(&source(&text), &Overrides::default()) {
            let lines = u32::try_from(text.lines().count()).unwrap();
            prop_assert!(!problems.is_empty());
            for problem in &problems {
                prop_assert!(problem.line.is_some_and(|line| (1..=lines + 1).contains(&line)));
                prop_assert!(!problem.to_string().contains('\n'));
            }
        }
    }
}
