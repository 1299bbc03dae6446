//! The same machine over a file of recorded trades, without a broker.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use book::{Books, Moment, Orphan};
use indicatif::{ProgressBar, ProgressStyle};
use program::Fault;
use tokio_util::sync::CancellationToken;
use trade::read_recorded;

use crate::flags::Flags;
use crate::lines::Lines;
use crate::service::settings;

/// Lines between two looks at the clock and the stop signal.
const LOOK_EVERY: u64 = 1 << 16;

/// How many lines that cannot be read are named.
const NAMED: u64 = 10;

/// Reads the trades of `file` (`-` is standard input), prints each alert as a line of JSON, and
/// sums up on standard error.
pub(crate) fn audit(file: &Path, flags: &Flags, stop: &CancellationToken) -> Result<(), Fault> {
    let name = file.display().to_string();
    let (input, length): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(io::stdin().lock()), 0)
    } else {
        let file = File::open(file)
            .and_then(|file| Ok((file.metadata()?, file)))
            .map_err(|error| Fault::Usage(format!("{name}: cannot read the trades: {error}")))?;
        let (metadata, file) = file;
        (Box::new(file), metadata.len())
    };
    let mut audit = Audit {
        name,
        books: Books::new(settings(flags, Duration::ZERO)),
        log_us: i64::MIN,
        orphans: Vec::new(),
        orphan_count: 0,
        unreadable: 0,
        trades: 0,
    };
    let began = Instant::now();
    let bar = progress_bar(length);
    let mut output = BufWriter::new(io::stdout().lock());
    let mut lines = Lines::of(BufReader::with_capacity(1 << 20, input));
    let mut number = 0;
    while let Some(line) = lines
        .next_line()
        .with_context(|| format!("read {}", audit.name))?
    {
        number += 1;
        match audit.line(line, number, &mut output) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.context("write an alert")?,
        }
        if number % LOOK_EVERY == 0 {
            bar.set_position(lines.bytes());
            if stop.is_cancelled() {
                break;
            }
        }
    }
    output.flush().context("write an alert")?;
    bar.finish_and_clear();
    if !flags.logs.quiet {
        audit.sum_up(began.elapsed());
    }
    Ok(())
}

struct Audit {
    name: String,
    books: Books,
    /// The largest time seen.
    log_us: i64,
    orphans: Vec<Orphan>,
    orphan_count: u64,
    unreadable: u64,
    trades: u64,
}

impl Audit {
    fn line(&mut self, line: &[u8], number: u64, output: &mut impl Write) -> io::Result<()> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let (trade, time_us) = match read_recorded(line) {
            Ok(recorded) => recorded,
            Err(error) => {
                self.complain(number, &error);
                return Ok(());
            }
        };
        self.trades += 1;
        if let Some(time_us) = time_us {
            self.log_us = self.log_us.max(time_us);
        }
        self.books.end_due(self.log_us, &mut self.orphans);
        self.orphan_count += self.orphans.drain(..).len() as u64;
        let moment = Moment {
            offset: number,
            time_us,
            begin_us: self.log_us,
            replayed: false,
        };
        match self.books.apply(&trade, &moment) {
            Ok(None) => Ok(()),
            Ok(Some(alert)) => {
                output.write_all(&alert.to_json())?;
                output.write_all(b"\n")
            }
            Err(conflict) => {
                let field = conflict.field;
                self.complain(
                    number,
                    &format_args!("the order was requested before with another `{field}`"),
                );
                Ok(())
            }
        }
    }

    fn complain(&mut self, number: u64, error: &dyn std::fmt::Display) {
        self.unreadable += 1;
        if self.unreadable <= NAMED {
            eprintln!("{}:{number}: {error}", self.name);
        }
        if self.unreadable == NAMED {
            eprintln!("further lines like these are only counted");
        }
    }

    fn sum_up(&self, took: Duration) {
        let counts = self.books.counts();
        let rate = self.trades as f64 / took.as_secs_f64().max(1e-6);
        eprintln!(
            "{trades} trades ({requests} requests, {purchases} purchases, {repeats} repeats or after \
             the alert), {alerts} alerts, {rejected} lines rejected, {orphans} orders without a \
             request, {evicted} books ended by --max-books, {open} open at the end; {took:.3} s, \
             {rate:.0} trades/s",
            trades = self.trades,
            requests = counts.requests,
            purchases = counts.purchases,
            repeats = counts.repeats,
            alerts = counts.alerts,
            rejected = self.unreadable,
            orphans = self.orphan_count,
            evicted = counts.evicted,
            open = self.books.len(),
            took = took.as_secs_f64(),
        );
    }
}

/// A bar on a terminal, nothing in a pipe.
fn progress_bar(length: u64) -> ProgressBar {
    if length == 0 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} left")
    {
        bar.set_style(style);
    }
    bar
}
