//! What became of each object, told line by line, and all in all.

use std::io::{self, Write};

use serde::Serialize;
use topology::{Entry, Key};

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did not exist and does now.
    Created,
    /// It was otherwise and is as wanted now.
    Changed,
    /// It exists, and the broker accepted the same declaration.
    AlreadyThere,
    /// The binding exists now; nobody can say since when.
    Bound,
    /// It is deleted.
    Destroyed,
    /// It exists with other properties, and how.
    Conflict(String),
    /// It was not deleted, and why.
    Kept(String),
    /// The broker refused. Its words.
    Failed(String),
    /// What it depends on conflicts or failed: the name of that.
    Skipped(String),
    /// It was not come to.
    NotTried,
}

/// How many of each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) created: usize,
    pub(crate) changed: usize,
    pub(crate) already_there: usize,
    pub(crate) bound: usize,
    pub(crate) destroyed: usize,
    pub(crate) conflicts: usize,
    pub(crate) kept: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) not_tried: usize,
}

impl Outcome {
    /// In a word, as people and scripts read it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::AlreadyThere => "already there",
            Self::Bound => "bound",
            Self::Destroyed => "destroyed",
            Self::Conflict(_) => "conflict",
            Self::Kept(_) => "kept",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::NotTried => "not tried",
        }
    }

    /// What else there is to say.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Conflict(words) | Self::Failed(words) | Self::Kept(words) => Some(words.clone()),
            Self::Skipped(cause) => Some(format!("it needs {cause}")),
            _ => None,
        }
    }

    /// Whether what depends on the object can go on.
    pub(crate) fn stands(&self) -> bool {
        matches!(
            self,
            Self::Created | Self::Changed | Self::AlreadyThere | Self::Bound
        )
    }
}

impl Counts {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Changed => &mut self.changed,
            Outcome::AlreadyThere => &mut self.already_there,
            Outcome::Bound => &mut self.bound,
            Outcome::Destroyed => &mut self.destroyed,
            Outcome::Conflict(_) => &mut self.conflicts,
            Outcome::Kept(_) => &mut self.kept,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Skipped(_) => &mut self.skipped,
            Outcome::NotTried => &mut self.not_tried,
        };
        *count += 1;
    }

    /// Those that are as the file wants them, as far as is known.
    pub(crate) fn done(&self) -> usize {
        self.created + self.changed + self.already_there + self.bound + self.destroyed
    }

    pub(crate) fn all(&self) -> usize {
        let troubled = self.conflicts + self.kept + self.failed;
        self.done() + troubled + self.skipped + self.not_tried
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} objects: ", self.all())?;
        let always = usize::from(self.destroyed + self.kept == 0);
        let words = [
            (self.created, always, "created"),
            (self.changed, 0, "changed"),
            (self.already_there, always, "already there"),
            (self.bound, 0, "bound"),
            (self.destroyed, 1 - always, "destroyed"),
            (self.conflicts, 0, "in conflict"),
            (self.kept, 0, "kept"),
            (self.failed, 0, "failed"),
            (self.skipped, 0, "skipped"),
            (self.not_tried, 0, "not tried"),
        ];
        let shown = words
            .into_iter()
            .filter(|(count, always, _)| count + always > 0)
            .map(|(count, _, word)| format!("{count} {word}"));
        out.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

/// Writes the line of one object, and below it what else there is to say.
pub(crate) fn tell(
    out: &mut impl Write,
    file: &str,
    entry: &Entry,
    outcome: &Outcome,
) -> io::Result<()> {
    let (word, name) = (outcome.word(), &entry.name);
    let kind = entry.key().as_ref().map_or("object", Key::kind);
    writeln!(out, "{word:<13}  {kind:<8}  {name}")?;
    match (outcome.words(), entry.line) {
        (Some(words), Some(line)) => writeln!(out, "               {file}:{line}: {words}"),
        (Some(words), None) => writeln!(out, "               {words}"),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Outcome, tell};
    use topology::{Overrides, Plan, Scope, Source, State, diff, load};

    fn plan() -> Plan {
        let text = "[exchange.e]\ntype = \"topic\"\n[queue.q]\ntype = \"quorum\"\nbindings = [{ from = \"e\", key = \"#\" }]";
        let source = Source {
            name: "t.toml".to_owned(),
            text: text.to_owned(),
        };
        let topology = load(&source, &Overrides::default()).unwrap();
        diff(&topology.state(), &State::default(), &Scope::default())
    }

    #[test]
    fn each_object_has_an_aligned_line_and_a_failure_its_reason_with_its_place() {
        let outcomes = [
            Outcome::AlreadyThere,
            Outcome::Conflict("PRECONDITION_FAILED - inequivalent arg".to_owned()),
            Outcome::Skipped("queue q".to_owned()),
        ];
        let (mut out, mut counts) = (Vec::new(), Counts::default());
        for (entry, outcome) in plan().entries.iter().zip(&outcomes) {
            tell(&mut out, "t.toml", entry, outcome).unwrap();
            counts.add(outcome);
        }
        let expected = "\
already there  exchange  e
conflict       queue     q
               t.toml:3: PRECONDITION_FAILED - inequivalent arg
skipped        binding   e -> q (key \"#\")
               t.toml:5: it needs queue q
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(
            counts.to_string(),
            "3 objects: 0 created, 1 already there, 1 in conflict, 1 skipped"
        );
    }
}
