//! The same machine over a file of recorded trades, without a broker.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use book::{Books, Key, Moment, Orphan};
use indicatif::{ProgressBar, ProgressStyle};
use program::Fault;
use tokio_util::sync::CancellationToken;
use trade::{Trade, read_recorded, without_byte_order_mark};

use crate::chunks::Chunks;
use crate::flags::Flags;
use crate::lines::{Lines, lines_of};
use crate::machine::TOGETHER;
use crate::service::settings;

/// How many lines that cannot be read are named.
const NAMED: u64 = 10;

/// Reads the trades of `file` (`-` is standard input), prints each alert as a line of JSON, and
/// sums up on standard error.
pub(crate) fn audit(file: &Path, flags: &Flags, stop: &CancellationToken) -> Result<(), Fault> {
    let name = file.display().to_string();
    let wrong = |fault: &dyn std::fmt::Display| {
        Fault::Usage(format!(
            "--file {}: cannot read trades: {fault}",
            file.display()
        ))
    };
    let (input, length): (Box<dyn Read + Send>, u64) = if file == Path::new("-") {
        (Box::new(io::stdin()), 0)
    } else {
        let opened = File::open(file).map_err(|error| {
            wrong(&format!(
                "{error}; give a file of recorded trades, one JSON object a line, or - for \
                 standard input"
            ))
        })?;
        let metadata = opened.metadata().map_err(|error| wrong(&error))?;
        if metadata.is_dir() {
            return Err(wrong(&"it is a folder"));
        }
        (Box::new(opened), metadata.len())
    };
    let mut audit = Audit {
        name,
        quiet: flags.logs.quiet,
        books: Books::new(settings(flags, Duration::ZERO)),
        log_us: i64::MIN,
        orphans: Vec::new(),
        orphan_count: 0,
        unreadable: 0,
        trades: 0,
    };
    let began = Instant::now();
    let bar = progress_bar(length);
    let read = read_all(&mut audit, input, &bar, stop);
    bar.finish_and_clear();
    match read {
        // Whoever reads the alerts has seen enough.
        Err(error)
            if error
                .root_cause()
                .downcast_ref()
                .is_some_and(is_broken_pipe) =>
        {
            return Ok(());
        }
        read => read?,
    }
    audit.sum_up(began.elapsed());
    if audit.trades == 0 && audit.unreadable > 0 {
        return Err(wrong(&"no line of it is a trade"));
    }
    Ok(())
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn read_all(
    audit: &mut Audit,
    input: impl Read + Send + 'static,
    bar: &ProgressBar,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut lines = Lines::of(Chunks::of(input, stop.clone()));
    let mut before = 0;
    while let Some(mut block) = lines
        .next_lines()
        .with_context(|| format!("read {}", audit.name))?
    {
        // What a stop has cut off is no whole line.
        if stop.is_cancelled() {
            break;
        }
        if before == 0 {
            block = without_byte_order_mark(block);
        }
        before = audit
            .lines(block, before, &mut output)
            .context("write an alert")?;
        // Alerts of a live input do not wait for more of it.
        output.flush().context("write an alert")?;
        bar.set_position(lines.bytes());
    }
    Ok(())
}

struct Audit {
    name: String,
    quiet: bool,
    books: Books,
    /// The largest time seen.
    log_us: i64,
    orphans: Vec<Orphan>,
    orphan_count: u64,
    unreadable: u64,
    trades: u64,
}

impl Audit {
    /// Applies the trades of whole lines; `before` is how many lines came before them. Gives how
    /// many there are with them.
    fn lines(&mut self, block: &[u8], before: u64, output: &mut impl Write) -> io::Result<u64> {
        let mut last = before;
        let numbered = lines_of(block).map(|line| {
            last += 1;
            (last, line.trim_ascii())
        });
        let mut numbered = numbered.filter(|(_, line)| !line.is_empty());
        let (mut together, mut keys) = (Vec::with_capacity(TOGETHER), Vec::new());
        loop {
            together.clear();
            let numbered = numbered.by_ref().take(TOGETHER);
            together.extend(numbered.map(|(number, line)| (number, read_recorded(line))));
            if together.is_empty() {
                break;
            }
            let trades = together.iter().map(|(_, read)| read.as_ref().ok());
            let trades = trades.map(|read| Some(&read?.0));
            self.books.bring(trades, &mut keys);
            for ((number, read), key) in together.iter().zip(&keys) {
                match read {
                    Ok((trade, time_us)) => self.apply(trade, *time_us, key, *number, output)?,
                    Err(error) => self.complain(*number, error),
                }
            }
        }
        Ok(last)
    }

    fn apply(
        &mut self,
        trade: &Trade<'_>,
        time_us: Option<i64>,
        key: &Key,
        number: u64,
        output: &mut impl Write,
    ) -> io::Result<()> {
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
        match self.books.apply_at(key, trade, &moment) {
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
        // Nobody may be there to read it.
        let mut stderr = io::stderr();
        if self.unreadable <= NAMED && !self.quiet {
            let _ = writeln!(stderr, "{}:{number}: {error}", self.name);
        } else if self.unreadable == NAMED + 1 && !self.quiet {
            let _ = writeln!(
                stderr,
                "{}: further lines like these are only counted",
                self.name
            );
        }
    }

    fn sum_up(&self, took: Duration) {
        if self.quiet {
            return;
        }
        let counts = self.books.counts();
        let rate = self.trades as f64 / took.as_secs_f64().max(1e-6);
        let _ = writeln!(
            io::stderr(),
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
            orphans = self.orphan_count + self.books.waiting() as u64,
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
