//! From objects to the text of a topology file, repetition folded.
//!
//! The way of an object: to a description (`describe`), several like it to one with a
//! repetition (`fold`), repetitions to variables (`vars`), and all of it to TOML (`write`).

mod comments;
mod describe;
mod fold;
mod like;
mod vars;
mod write;

pub use comments::keep_comments;

use crate::{Overrides, Setting, Source, State, load};

/// A topology file that describes what a state holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub text: String,
    /// A sentence about each thing that the file cannot say.
    pub left_out: Vec<String>,
}

/// Something that a file describes under one head.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Description {
    section: &'static str,
    /// The name, or two, as templates: `$${` stands for `${`.
    names: Vec<String>,
    repeat: Option<Repeat>,
    /// What stands below the head: a table.
    body: Setting,
}

/// What a description is repeated over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Repeat {
    /// Numbers from the first to the one before the last.
    Numbers(i64, i64),
    Words(Vec<String>),
    /// The text of a repetition over a variable.
    Variable(&'static str, String),
}

/// Writes the file. Reading it gives the objects of `state` again, but those that are left out;
/// this is tried before the text is handed out, first as folded, then without folding.
///
/// What a secret is stays outside: a text with a password in it becomes the name of an
/// environment variable, and passwords of users are not known to anybody.
pub fn export(state: &State) -> Exported {
    let (described, left_out) = describe::all(state);
    let (kept, descriptions) = (described.kept, described.descriptions);
    let folded = fold::all(descriptions.clone());
    let text = write::all(&vars::name(folded), &state.origin, &left_out);
    let text = if says(&text, &kept) {
        text
    } else {
        write::all(&(Vec::new(), descriptions), &state.origin, &left_out)
    };
    Exported { text, left_out }
}

/// Whether a file's text describes these objects and no others.
fn says(text: &str, state: &State) -> bool {
    let source = Source {
        name: String::new(),
        text: text.to_owned(),
    };
    let Ok(topology) = load(&source, &Overrides::default()) else {
        return false;
    };
    let read = topology.state();
    read.objects.len() == state.objects.len()
        && read.objects.iter().all(|(key, one)| {
            let known = state.objects.get(key);
            known.is_some_and(|known| known.object == one.object)
        })
}
