//! Measures what a change of owner costs: `make figures`.
//!
//! Under a steady load the owner of all shards is killed with -9 while a spare waits. Measured
//! are the time until the spare owns a shard, until it has read again what its open books need,
//! and until the first new alert of the shard stands in a channel's queue; and how fast it reads
//! compared with how fast the trades came in. `ALDEBARAN_RATE`, `ALDEBARAN_RUNS`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use private_broker::{PrivateBroker, Release, Settings};
use tests::{Program, Stage, median, until};
use trade::Alert;

const SHARDS: u32 = 4;
const QUEUE: &str = "Aldebaran.Alert.stdout";

/// How long the load runs before the kill.
const BEFORE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let rate: u64 = variable("ALDEBARAN_RATE").unwrap_or(50_000);
    let runs: usize = variable("ALDEBARAN_RUNS").unwrap_or(3);
    println!(
        "{rate} trades/s for {} s, then kill -9 of the owner of {SHARDS} shards; medians over the shards",
        BEFORE.as_secs()
    );
    println!(
        "{:>4} {:>14} {:>14} {:>16} {:>18} {:>12}",
        "run", "owned ms", "rebuilt ms", "first alert ms", "replayed trades/s", "x live rate"
    );
    let mut all = Vec::new();
    for run in 1..=runs {
        let taken = one_run(rate)?;
        println!("{run:>4} {}", taken.row(rate));
        all.push(taken);
    }
    let middle = Taken {
        owned_ms: median(all.iter().map(|taken| taken.owned_ms)),
        rebuilt_ms: median(all.iter().map(|taken| taken.rebuilt_ms)),
        alert_ms: median(all.iter().map(|taken| taken.alert_ms)),
        replay_rate: median(all.iter().map(|taken| taken.replay_rate)),
    };
    println!("{:>4} {}", "all", middle.row(rate));
    Ok(())
}

/// One take-over, medians over the shards.
struct Taken {
    owned_ms: f64,
    rebuilt_ms: f64,
    alert_ms: f64,
    replay_rate: f64,
}

impl Taken {
    fn row(&self, rate: u64) -> String {
        format!(
            "{:>14.0} {:>14.0} {:>16.0} {:>18.0} {:>12.1}",
            self.owned_ms,
            self.rebuilt_ms,
            self.alert_ms,
            self.replay_rate,
            self.replay_rate / rate as f64
        )
    }
}

fn one_run(rate: u64) -> Result<Taken> {
    let broker = PrivateBroker::start(&Settings {
        release: Release::Installed,
        management: true,
        ..Settings::default()
    })?;
    let stage = Stage::on(&broker)?;
    stage.declare(&[])?;
    let mut owner = stage.program("auditor")?.start()?;
    for _ in 0..SHARDS {
        owner.says("took over")?;
    }
    let amqp = stage.amqp()?;
    // The spare joins just before the kill: it would soon be given a fair share.
    let seconds = (BEFORE.as_secs() + 30).to_string();
    let publisher = stage
        .program("publisher")?
        .args([
            "--to",
            "shards",
            "--over-purchased",
            "1%",
            "--rate",
            &rate.to_string(),
        ])
        .args(["--duration", &format!("{seconds}s")])
        .start()?;
    let began = Instant::now();
    while began.elapsed() < BEFORE {
        amqp.drain(QUEUE)?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let spare = stage.program("auditor")?.arg("--no-router").start()?;
    until("the spare is in the roster", || {
        (amqp.counts("Aldebaran.Auditors").ok()?.1 >= 2).then_some(())
    })?;
    let killed_us = now_us()?;
    owner.kill()?;

    let mut first: BTreeMap<u32, f64> = BTreeMap::new();
    until("each shard has alerted again", || {
        while let Ok(Some(message)) = amqp.next(QUEUE) {
            let alert = Alert::from_json(&message.body).ok()?;
            if alert.raised_time_us >= Some(killed_us) {
                let shard = trade::shard_of(&alert.order_id, SHARDS);
                let after_ms = (now_us().ok()? - killed_us) as f64 / 1e3;
                first.entry(shard).or_insert(after_ms);
            }
        }
        (first.len() == SHARDS as usize).then_some(())
    })?;
    drop(publisher);
    let rebuilt = rebuilt(&spare)?;
    let replayed = rate as f64 * BEFORE.as_secs_f64();
    let longest_ms = rebuilt
        .iter()
        .map(|(_, took_ms)| *took_ms)
        .fold(1.0, f64::max);
    Ok(Taken {
        owned_ms: median(
            rebuilt
                .iter()
                .map(|(at_us, took_ms)| (at_us - killed_us) as f64 / 1e3 - took_ms),
        ),
        rebuilt_ms: median(rebuilt.iter().map(|(_, took_ms)| *took_ms)),
        alert_ms: median(first.into_values()),
        replay_rate: replayed / longest_ms * 1e3,
    })
}

/// When each shard was rebuilt (microseconds since the epoch), and how long that took, from the
/// spare's log.
fn rebuilt(spare: &Program) -> Result<Vec<(i64, f64)>> {
    let mut shards = Vec::new();
    for line in spare.log().lines().filter(|line| line.contains("rebuilt")) {
        let took = line
            .rsplit_once("took_ms=")
            .context("took_ms in the log")?
            .1;
        let time = line
            .split_whitespace()
            .next()
            .context("a time in the log")?;
        // A trade's time is read as RFC 3339; so is a log's.
        let trade = format!(r##"{{"id":"","#shares":0,"client":"","stock":"","time":"{time}"}}"##);
        let read = trade::read_recorded(trade.as_bytes()).ok();
        let at_us = read
            .and_then(|(_, time_us)| time_us)
            .context("the log's time")?;
        shards.push((at_us, took.trim().parse()?));
    }
    ensure!(
        shards.len() == SHARDS as usize,
        "{} shards were rebuilt",
        shards.len()
    );
    Ok(shards)
}

fn now_us() -> Result<i64> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros(),
    )?)
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}
