//! What a person sees: colours and moving bars on a terminal, plain lines in a pipe.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::table::Table;

/// How wide a step's text is, so that the times stand below each other.
const WIDTH: usize = 58;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

/// The way to show things.
pub(crate) struct Show {
    is_terminal: bool,
    has_colours: bool,
}

impl Show {
    pub(crate) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self {
            is_terminal,
            has_colours: is_terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// A heading.
    pub(crate) fn title(&self, text: &str) {
        print(&format!("\n{}", self.paint(BOLD, text)));
    }

    /// A remark.
    pub(crate) fn line(&self, text: &str) {
        print(&format!("  {}", self.paint(DIM, text)));
    }

    /// Something that went as it should.
    pub(crate) fn good(&self, text: &str) {
        print(&format!("{} {text}", self.paint(GREEN, "✔")));
    }

    /// What went wrong, with all its causes.
    pub(crate) fn failure(&self, error: &Error) {
        eprintln!("\n{} failed to {error:#}", self.paint(RED, "✘"));
    }

    /// Does something that takes a moment, and says how long it took.
    pub(crate) fn step<T>(&self, text: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let spinner = self.bar("{spinner:.cyan} {msg} {elapsed:.dim}");
        spinner.set_message(text.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(80));
        let began = Instant::now();
        let done = work();
        spinner.finish_and_clear();
        let took = self.paint(DIM, format!("{:>5.1} s", began.elapsed().as_secs_f64()));
        match done {
            Ok(_) => self.good(&format!("{text:<WIDTH$} {took}")),
            Err(_) => print(&format!("{} {text}", self.paint(RED, "✘"))),
        }
        done
    }

    /// How far the trades and their alerts are.
    pub(crate) fn progress(&self) -> Progress<'_> {
        let bar = self.bar("  {bar:40.cyan/dim} {pos:>3}%  {msg}");
        bar.set_length(100);
        Progress {
            show: self,
            bar,
            told: 0,
        }
    }

    /// The end.
    pub(crate) fn table(&self, table: &Table) {
        print("");
        for row in table.rows() {
            let figure = format!("{:>12}", row.figure);
            let figure = match row.is_right {
                None => figure,
                Some(true) => self.paint(GREEN, figure),
                Some(false) => self.paint(RED, figure),
            };
            let remark = self.paint(DIM, row.remark);
            print(format!("  {:<24}{figure}  {remark}", row.name).trim_end());
        }
        print("");
    }

    fn bar(&self, template: &str) -> ProgressBar {
        if !self.is_terminal {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template);
        ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
    }

    fn paint(&self, colour: &str, text: impl Display) -> String {
        let text = text.to_string();
        if self.has_colours && !text.is_empty() {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text
        }
    }
}

/// How far the trades and their alerts are.
pub(crate) struct Progress<'a> {
    show: &'a Show,
    bar: ProgressBar,
    /// Quarters, in a pipe.
    told: u64,
}

impl Progress<'_> {
    /// So much of the trades is due (1 is all), so many mails and posts have arrived.
    pub(crate) fn at(&mut self, part: f64, mails: usize, posts: usize) {
        // Between 0 and 100, so nothing is lost.
        let percent = (part.clamp(0.0, 1.0) * 100.0) as u64;
        let arrived = format!("{mails} mails, {posts} webhook posts");
        if self.show.is_terminal {
            self.bar.set_position(percent);
            self.bar.set_message(arrived);
        } else if percent / 25 > self.told {
            self.told = percent / 25;
            self.show
                .line(&format!("{percent}% of the trades, {arrived}"));
        }
    }

    /// A remark.
    pub(crate) fn line(&self, text: &str) {
        self.bar.suspend(|| self.show.line(text));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let separated = |(index, digit): (usize, char)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(separated).collect()
}

/// A reader who has gone away is no reason to end.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
