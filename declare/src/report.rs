//! What a command did, for people as it happens, for scripts at the end.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use topology::{Entry, Key, Plan};

use crate::flags::Output;
use crate::outcome::{Counts, Outcome, tell};

/// The name and the version of the JSON that a command ends with.
const FORMAT: &str = "aldebaran-declare-result";
const VERSION: u32 = 1;

/// Collects what becomes of each object.
pub(crate) struct Report {
    command: &'static str,
    file: String,
    broker: String,
    output: Output,
    progress: ProgressBar,
    objects: Vec<serde_json::Value>,
    pub(crate) counts: Counts,
}

impl Report {
    /// A report of a command that carries out `length` entries of a plan.
    pub(crate) fn of(command: &'static str, plan: &Plan, output: Output, length: usize) -> Self {
        let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let progress = if shown {
            let style = ProgressStyle::with_template("{pos}/{len} objects {bar:30} {elapsed}");
            let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        } else {
            ProgressBar::hidden()
        };
        Self {
            command,
            file: plan.wanted.clone(),
            broker: plan.live.clone(),
            output,
            progress,
            objects: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Notes what became of one object.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn note(&mut self, entry: &Entry, outcome: &Outcome) -> anyhow::Result<()> {
        self.counts.add(outcome);
        self.progress.inc(1);
        match self.output {
            Output::Text => tell(&mut io::stdout().lock(), &self.file, entry, outcome)
                .context("write the results to stdout"),
            Output::Json => {
                self.objects.push(json!({
                    "outcome": outcome.word(),
                    "kind": entry.key().as_ref().map(Key::kind),
                    "name": entry.name,
                    "line": entry.line,
                    "words": outcome.words(),
                }));
                Ok(())
            }
        }
    }

    /// Notes objects that are as wanted without being touched.
    pub(crate) fn in_sync(&mut self, count: usize) {
        self.counts.already_there += count;
    }

    /// Writes what it came to. `broken` says why the command did not come to its end.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn end(&self, broken: Option<&str>) -> anyhow::Result<()> {
        self.progress.finish_and_clear();
        let mut out = io::stdout().lock();
        match self.output {
            Output::Text => writeln!(out, "{}", self.counts),
            Output::Json => {
                let whole = json!({
                    "format": FORMAT,
                    "version": VERSION,
                    "command": self.command,
                    "file": self.file,
                    "broker": self.broker,
                    "broken": broken,
                    "summary": self.counts,
                    "objects": self.objects,
                });
                writeln!(out, "{whole:#}")
            }
        }
        .context("write the results to stdout")
    }
}
