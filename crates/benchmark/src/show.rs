//! What a person sees meanwhile: a bar on a terminal, and a line for each measurement.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::results::{BOOK_BYTES, RATE, Run};
use crate::words::{grouped, short};

/// The way to show things.
pub(crate) struct Show {
    is_terminal: bool,
}

/// How far everything is.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Show {
    pub(crate) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal() && io::stdout().is_terminal(),
        }
    }

    /// Does something that takes a moment, and says how long it took.
    pub(crate) fn step<T>(&self, words: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let bar = self.bar("{spinner} {msg}", 0);
        bar.set_message(words.to_owned());
        let began = Instant::now();
        let done = work();
        bar.finish_and_clear();
        if done.is_ok() {
            println!("{words}: {:.1} s", began.elapsed().as_secs_f64());
        }
        done
    }

    /// A bar for measurements that take so many seconds in all.
    pub(crate) fn all(&self, seconds: u64) -> Progress {
        let template = "{bar:30} {elapsed_precise}, about {msg}";
        let bar = self.bar(template, seconds);
        Progress { bar }
    }

    fn bar(&self, template: &str, length: u64) -> ProgressBar {
        if !self.is_terminal {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}

impl Progress {
    pub(crate) fn begins(&self, title: &str) {
        let left = self.bar.length().unwrap_or_default() - self.bar.position();
        let left = left.div_ceil(60);
        self.bar.set_message(format!("{left} min left: {title}"));
    }

    pub(crate) fn ends(&self, title: &str, run: &Run, seconds: u64) {
        self.bar.inc(seconds);
        let line = format!("{title:<58} {}", told(run));
        self.bar.suspend(|| println!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The figures that matter most.
fn told(run: &Run) -> String {
    let rate = run
        .get(RATE)
        .map(|rate| format!("{} trades/s", grouped(rate)));
    let p99 = run.get("p99").map(|ms| format!("p99 {} ms", short(ms)));
    let bytes = run
        .get(BOOK_BYTES)
        .map(|bytes| format!("{} bytes a book", short(bytes)));
    let faults = run.faults.iter().map(|fault| format!("FAILED: {fault}"));
    let parts: Vec<_> = [rate, p99, bytes]
        .into_iter()
        .flatten()
        .chain(faults)
        .collect();
    parts.join(", ")
}
