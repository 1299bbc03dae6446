//! What became of each object, told line by line, and all in all.

use std::io::Write;

use anyhow::Context;
use topology::Step;

use crate::object;

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did not exist and does now.
    Created,
    /// It exists, and the broker accepted the same declaration.
    AlreadyThere,
    /// The binding exists now; nobody can say since when.
    Bound,
    /// It exists with other properties. The broker's words.
    Conflict(String),
    /// The broker refused. Its words.
    Failed(String),
    /// What it depends on conflicts or failed: the name of that.
    Skipped(String),
}

/// How many of each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) created: usize,
    pub(crate) already_there: usize,
    pub(crate) bound: usize,
    pub(crate) conflicts: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AlreadyThere => "already there",
            Self::Bound => "bound",
            Self::Conflict(_) => "conflict",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Whether what depends on the object can go on.
    pub(crate) fn stands(&self) -> bool {
        matches!(self, Self::Created | Self::AlreadyThere | Self::Bound)
    }
}

impl Counts {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::AlreadyThere => &mut self.already_there,
            Outcome::Bound => &mut self.bound,
            Outcome::Conflict(_) => &mut self.conflicts,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Skipped(_) => &mut self.skipped,
        };
        *count += 1;
    }

    /// Those that are as the file wants them, as far as AMQP tells.
    pub(crate) fn done(&self) -> usize {
        self.created + self.already_there + self.bound
    }

    fn all(&self) -> usize {
        self.done() + self.conflicts + self.failed + self.skipped
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} objects: {} created, {} already there, {} bound",
            self.all(),
            self.created,
            self.already_there,
            self.bound
        )?;
        let troubles = [
            (self.conflicts, "in conflict"),
            (self.failed, "failed"),
            (self.skipped, "skipped"),
        ];
        for (count, word) in troubles.into_iter().filter(|(count, _)| *count > 0) {
            write!(out, ", {count} {word}")?;
        }
        Ok(())
    }
}

/// Writes the line of one object, and below it what there is to say about a failure.
pub(crate) fn tell(
    out: &mut impl Write,
    file: &str,
    step: &Step<'_>,
    outcome: &Outcome,
) -> anyhow::Result<()> {
    let (word, kind, name) = (outcome.word(), object::kind(step), object::name(step));
    let line = object::line(step);
    writeln!(out, "{word:<13}  {kind:<8}  {name}")
        .and_then(|()| match outcome {
            Outcome::Conflict(words) | Outcome::Failed(words) => {
                writeln!(out, "               {file}:{line}: {words}")
            }
            Outcome::Skipped(cause) => {
                writeln!(out, "               {file}:{line}: it needs {cause}")
            }
            _ => Ok(()),
        })
        .context("write the results to stdout")
}

#[cfg(test)]
mod tests {
    use super::{Counts, Outcome, tell};
    use topology::{Overrides, Source, Topology, load};

    fn topology() -> Topology {
        let text = "[exchange.e]\ntype = \"topic\"\n[queue.q]\ntype = \"quorum\"\nbindings = [{ from = \"e\", key = \"#\" }]";
        let source = Source {
            name: "t.toml".to_owned(),
            text: text.to_owned(),
        };
        load(&source, &Overrides::default()).unwrap()
    }

    #[test]
    fn each_object_has_an_aligned_line_and_a_failure_its_reason_with_its_place() {
        let outcomes = [
            Outcome::AlreadyThere,
            Outcome::Conflict("PRECONDITION_FAILED - inequivalent arg".to_owned()),
            Outcome::Skipped("queue q".to_owned()),
        ];
        let (mut out, mut counts) = (Vec::new(), Counts::default());
        for (step, outcome) in topology().steps().iter().zip(&outcomes) {
            tell(&mut out, "t.toml", step, outcome).unwrap();
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
            "3 objects: 0 created, 1 already there, 0 bound, 1 in conflict, 1 skipped"
        );
    }
}
