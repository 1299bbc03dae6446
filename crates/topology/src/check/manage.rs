//! `[manage]`, checked.

use crate::Scope as Owned;
use crate::document::RawEntry;
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};

/// What the file owns.
pub(super) fn check(raw: &[RawEntry], scope: Scope<'_>, problems: &mut Problems) -> Owned {
    let mut owned = Owned::default();
    for entry in raw {
        let kinds = Owned::KINDS;
        let Some((_, kind)) = kinds.iter().find(|(name, _)| *name == entry.key) else {
            let names = kinds.iter().map(|(name, _)| *name);
            let hint = did_you_mean(&entry.key, names.clone());
            let all: Vec<&str> = names.collect();
            problems.at(
                entry.line,
                format!(
                    "unknown key {} in [manage]{hint} (there are: {})",
                    quote(&entry.key),
                    all.join(", ")
                ),
            );
            continue;
        };
        let Some(value) = scope.value(&entry.value, problems) else {
            continue;
        };
        let patterns: Vec<String> = match value {
            crate::Value::Scalar(one) => vec![one.to_string()],
            crate::Value::List(items) => items.iter().map(ToString::to_string).collect(),
        };
        if patterns.iter().any(String::is_empty) {
            problems.at(
                entry.line,
                "a pattern of [manage] is a name in which * stands for any text, not an empty text",
            );
        }
        owned.patterns.insert(kind, patterns);
    }
    owned
}
