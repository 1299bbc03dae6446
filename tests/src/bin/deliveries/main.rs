//! Measures one channel over its whole way, from its queue to a webhook: `make deliveries`.
//!
//! A private broker, the real channel-boy with its ledger in SQLite, and a receiver in a process
//! of its own that counts. Beside what comes out stands what the parts can do alone, measured in
//! the same run: a plain HTTP client with the same receiver, the ledger without a broker and a
//! receiver, a consumer that only acknowledges.

mod fill;
mod limits;
mod load;
mod receiver;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use private_broker::{PrivateBroker, Release, Settings};
use tests::{Program, Stage, median, within};

use crate::receiver::{Arrived, Receiver};

/// The channel, and its queue in the repository's topology.
const CHANNEL: &str = "webhook";
const QUEUE: &str = "Aldebaran.Alert.webhook";
/// A run that delivers nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(110);

/// Measures deliveries to a webhook on this host.
#[derive(Debug, Parser)]
struct Args {
    /// Alerts that wait in the queue when the channel starts
    #[arg(long, default_value_t = 50_000)]
    alerts: usize,
    /// Alerts a second, for the latency
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds at that rate
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Measures also with so many entries, all delivered, in the ledger before
    #[arg(long, default_value_t = 0)]
    entries: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// The channel's `concurrency`
    #[arg(long, default_value_t = 64)]
    concurrency: u16,
    /// Is the receiver, and writes its port into this file
    #[arg(long, hide = true)]
    receive: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.receive {
        Some(port) => receiver::serve(port),
        None => measure(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<()> {
    let broker = PrivateBroker::start(&Settings {
        release: Release::Installed,
        management: true,
        ..Settings::default()
    })?;
    let stage = Stage::on(&broker)?;
    stage.declare(&[])?;
    let receiver = Receiver::start(stage.folder())?;
    let url = stage.vhost().url();
    let bench = Bench {
        stage: &stage,
        receiver: &receiver,
        args,
    };
    let full = stage.folder().join("full.ledger");
    if args.entries > 0 {
        drop(bench.start(&full)?.terminate()?);
        fill::delivered(&full, CHANNEL, args.entries)?;
    }
    println!("{} alerts, concurrency {}", args.alerts, args.concurrency);
    let client = limits::plain_client(&receiver, args.alerts, args.concurrency)?;
    row("limit: plain HTTP client", client);
    let alone = limits::ledger_alone(stage.folder(), args.alerts)?;
    row("limit: ledger alone", alone);
    load::publish(&url, QUEUE, args.alerts)?;
    let consumed = limits::plain_consumer(&url, QUEUE, args.alerts)?;
    row("limit: plain consumer", consumed);

    let (mut new, mut old) = (Vec::new(), Vec::new());
    for round in 0..args.repeats {
        println!("an empty ledger");
        let empty = stage.folder().join(format!("empty.{round}.ledger"));
        new.push(bench.run(&empty)?);
        if args.entries > 0 {
            println!("{} entries in the ledger before", args.entries);
            old.push(bench.run(&full)?);
        }
    }
    let lowest = client.min(alone).min(consumed);
    let of_lowest = 100.0 * median(new.iter().map(|figures| figures.per_s)) / lowest;
    println!("medians of {}:", args.repeats);
    println!("{:<28} {of_lowest:>9.0}%", "  empty, of the lowest limit");
    if args.entries > 0 {
        for (what, of) in [
            ("deliveries/s", (|f| f.per_s) as fn(&Figures) -> f64),
            ("p50", |f| f.p50_ms),
            ("p99", |f| f.p99_ms),
        ] {
            let (new, old) = (median(new.iter().map(of)), median(old.iter().map(of)));
            let change = 100.0 * (old / new - 1.0);
            println!("  {what:<26} {new:>10.1} -> {old:>10.1} {change:>+5.0}%");
        }
    }
    Ok(())
}

/// What one run of a channel came to.
struct Figures {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What all runs share.
struct Bench<'a> {
    stage: &'a Stage,
    receiver: &'a Receiver,
    args: &'a Args,
}

impl Bench<'_> {
    /// What waits in the queue, as fast as it goes; then at a rate.
    fn run(&self, ledger: &Path) -> Result<Figures> {
        let (receiver, args) = (self.receiver, self.args);
        let url = self.stage.vhost().url();
        load::publish(&url, QUEUE, args.alerts)?;
        receiver.forget()?;
        let channel = self.start(ledger)?;
        let per_s = all(receiver, args.alerts)?.per_s();
        row("  channel-boy", per_s);
        println!("{:<28} {:>10}", "    resident", resident(&channel)?);

        receiver.forget()?;
        load::publish_at(&url, QUEUE, args.rate, args.seconds)?;
        let arrived = all(receiver, (args.rate * args.seconds) as usize)?;
        println!(
            "{:<28} {:>7.1} ms {:>7.1} ms {:>7.1} ms",
            format!("  p50, p99, max at {}/s", args.rate),
            arrived.p50_ms,
            arrived.p99_ms,
            arrived.max_ms
        );
        println!("{:<28} {:>10}", "    resident", resident(&channel)?);
        channel.terminate()?.successful()?;
        Ok(Figures {
            per_s,
            p50_ms: arrived.p50_ms,
            p99_ms: arrived.p99_ms,
        })
    }

    fn start(&self, ledger: &Path) -> Result<Program> {
        let config = format!(
            "[channel.{CHANNEL}]\nsink = \"webhook\"\nurl = \"{}\"\nconcurrency = {}\n\
             backlog = 1000000\n",
            self.receiver.url(),
            self.args.concurrency
        );
        let mut program = self
            .stage
            .program("channel-boy")?
            .args(["--channel", CHANNEL])
            .arg("--config")
            .arg(self.stage.file("channels.toml", config)?)
            .arg("--ledger")
            .arg(ledger)
            .start()?;
        program.says("consuming")?;
        Ok(program)
    }
}

fn row(what: &str, per_s: f64) {
    println!("{what:<28} {per_s:>8.0}/s");
}

/// Waits until so many have arrived, each once.
fn all(receiver: &Receiver, count: usize) -> Result<Arrived> {
    let what = format!("{count} alerts have arrived");
    let arrived = within(PATIENCE, &what, || match receiver.arrived() {
        Ok(arrived) if arrived.distinct < count => None,
        answer => Some(answer),
    })??;
    ensure!(
        arrived.count == count,
        "deliver each alert once: {} arrivals of {count} alerts",
        arrived.count
    );
    Ok(arrived)
}

/// What a program has in memory, as the system says it.
fn resident(program: &Program) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.context("VmRSS in /proc")?.trim().to_owned())
}
