//! What a person sees while trades are sent.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::ops::ControlFlow;

use broker::Message;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use tokio::time::Instant;

use crate::feed::{Counts, Given};
use crate::watch::Watch;

/// How often the bar moves.
const DRAW_EVERY_US: u64 = 100_000;

/// The clock of a run, its progress bar and its printed trades. The bar shows on a terminal
/// only, the trades if they were asked for.
pub(crate) struct Observer {
    start: Instant,
    printed: Option<BufWriter<Stdout>>,
    bar: ProgressBar,
    drawn_us: u64,
}

impl Observer {
    /// Begins a run of about `trades` trades, if that is known. `quiet` hides the bar.
    pub(crate) fn new(trades: Option<u64>, prints: bool, quiet: bool) -> Self {
        let bar = if quiet || prints || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            bar(trades)
        };
        Self {
            start: Instant::now(),
            printed: prints.then(|| BufWriter::new(io::stdout())),
            bar,
            drawn_us: 0,
        }
    }

    /// The run is over: the bar goes away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Observer {
    type Tag = ();
    type Stub = ();

    fn start(&self) -> Instant {
        self.start
    }

    fn tag(&mut self, _given: &Given, _now_us: u64) {}

    /// Breaks when nobody reads what is printed any more.
    fn trade(&mut self, json: &[u8]) -> ControlFlow<()> {
        match &mut self.printed {
            Some(out) => judged(out.write_all(json).and_then(|()| out.write_all(b"\n"))),
            None => ControlFlow::Continue(()),
        }
    }

    fn message(&mut self, _message: &mut Message, _tags: Vec<()>) {}

    fn confirmed(&mut self, (): ()) {}

    /// Breaks when nobody reads what is printed any more.
    fn pause(&mut self, counts: Counts, now_us: u64) -> ControlFlow<()> {
        if now_us >= self.drawn_us + DRAW_EVERY_US {
            self.drawn_us = now_us;
            self.bar.set_position(counts.trades - counts.repeats);
        }
        match &mut self.printed {
            Some(out) => judged(out.flush()),
            None => ControlFlow::Continue(()),
        }
    }
}

fn judged(written: io::Result<()>) -> ControlFlow<()> {
    match written {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::warn!("failed to print to standard output: {error}");
            }
            ControlFlow::Break(())
        }
    }
}

fn bar(trades: Option<u64>) -> ProgressBar {
    let (bar, template) = match trades {
        Some(trades) => (
            ProgressBar::new(trades),
            "{elapsed_precise} {wide_bar} {human_pos}/{human_len} trades, {rate}, {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{elapsed_precise} {spinner} {human_pos} trades, {rate}",
        ),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.with_key("rate", rate)),
        Err(_) => bar,
    }
}

/// A bar may show nothing if this fails; there is nobody to tell.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}
