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
use tests::{Program, Stage, within};

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
    /// Entries, all delivered, that the ledger holds before
    #[arg(long, default_value_t = 0)]
    entries: u64,
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
    let broker = PrivateBroker::start(Settings {
        release: Release::Installed,
        management: true,
        ..Settings::default()
    })?;
    let stage = Stage::on(&broker)?;
    stage.declare(&[])?;
    let receiver = Receiver::start(stage.folder())?;
    let ledger = stage.folder().join("webhook.ledger");
    if args.entries > 0 {
        drop(start(&stage, &receiver, args, &ledger)?.terminate()?);
        fill::delivered(&ledger, CHANNEL, args.entries)?;
    }
    let url = stage.vhost().url();
    println!(
        "{} alerts, concurrency {}, {} entries in the ledger before",
        args.alerts, args.concurrency, args.entries
    );
    let client = limits::plain_client(&receiver, args.alerts, args.concurrency)?;
    row("limit: plain HTTP client", client);
    let alone = limits::ledger_alone(stage.folder(), args.alerts)?;
    row("limit: ledger alone", alone);
    load::publish(&url, QUEUE, args.alerts)?;
    let consumed = limits::plain_consumer(&url, QUEUE, args.alerts)?;
    row("limit: plain consumer", consumed);

    load::publish(&url, QUEUE, args.alerts)?;
    receiver.forget()?;
    let channel = start(&stage, &receiver, args, &ledger)?;
    let arrived = all(&receiver, args.alerts)?;
    row("channel-boy", arrived.per_s());
    println!(
        "{:<28} {:>9.0}%",
        "  of the lowest limit",
        100.0 * arrived.per_s() / client.min(alone).min(consumed)
    );
    println!("{:<28} {:>10}", "  resident", resident(&channel)?);

    receiver.forget()?;
    load::publish_at(&url, QUEUE, args.rate, args.seconds)?;
    let arrived = all(&receiver, (args.rate * args.seconds) as usize)?;
    println!(
        "{:<28} {:>7.1} ms {:>7.1} ms {:>7.1} ms",
        format!("p50, p99, max at {}/s", args.rate),
        arrived.p50_ms,
        arrived.p99_ms,
        arrived.max_ms
    );
    println!("{:<28} {:>10}", "  resident", resident(&channel)?);
    channel.terminate()?.successful()?;
    Ok(())
}

fn row(what: &str, per_s: f64) {
    println!("{what:<28} {per_s:>8.0}/s");
}

fn start(stage: &Stage, receiver: &Receiver, args: &Args, ledger: &Path) -> Result<Program> {
    let config = format!(
        "[channel.{CHANNEL}]\nsink = \"webhook\"\nurl = \"{}\"\nconcurrency = {}\n\
         backlog = 1000000\n",
        receiver.url(),
        args.concurrency
    );
    let mut program = stage
        .program("channel-boy")?
        .args(["--channel", CHANNEL])
        .arg("--config")
        .arg(stage.file("channels.toml", config)?)
        .arg("--ledger")
        .arg(ledger)
        .start()?;
    program.says("consuming")?;
    Ok(program)
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
