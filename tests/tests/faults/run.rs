//! How long, how fast and with which trades.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use tests::Stage;

/// Seconds of trades that one publisher publishes; one that is killed begins them again.
const CHUNK: Duration = Duration::from_secs(2);

/// One run's numbers.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    /// Trades a second.
    pub(crate) rate: u64,
}

impl Run {
    pub(crate) fn from_environment() -> Self {
        Run {
            seed: variable("ALDEBARAN_SEED").unwrap_or_else(seed_of_the_day),
            seconds: variable("ALDEBARAN_SECONDS").unwrap_or(20),
            rate: variable("ALDEBARAN_RATE").unwrap_or(5_000),
        }
    }

    pub(crate) fn chunks(&self) -> usize {
        self.seconds
            .div_ceil(CHUNK.as_secs())
            .try_into()
            .unwrap_or(usize::MAX)
    }

    /// Makes all trades beforehand, a file a chunk; gives the orders that must alert.
    pub(crate) fn make_trades(&self, stage: &Stage) -> Result<BTreeSet<String>> {
        let (trades, expected) = (
            stage.folder().join("trades.jsonl"),
            stage.folder().join("expected.jsonl"),
        );
        let count = self.rate * CHUNK.as_secs() * self.chunks() as u64;
        stage
            .program("publisher")?
            .args([
                "--seed",
                &self.seed.to_string(),
                "--trades",
                &count.to_string(),
            ])
            .args([
                "--over-purchased",
                "1%",
                "--shuffle",
                "200",
                "--duplicate",
                "1%",
            ])
            .arg("--output")
            .arg(&trades)
            .arg("--expect")
            .arg(&expected)
            .run()?
            .successful()?;
        let text = fs::read_to_string(&trades)?;
        let lines: Vec<_> = text.lines().collect();
        for (chunk, lines) in lines
            .chunks(lines.len().div_ceil(self.chunks()))
            .enumerate()
        {
            fs::write(chunk_file(stage, chunk), lines.join("\n"))?;
        }
        let expected = oracle::read(fs::read(expected)?.as_slice())?;
        ensure!(!expected.is_empty(), "a test without alerts shows nothing");
        Ok(expected.into_iter().map(|alert| alert.order_id).collect())
    }
}

/// Another one for each run.
fn seed_of_the_day() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(now.subsec_nanos()) % 1_000_000
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// The trades of a chunk.
pub(crate) fn chunk_file(stage: &Stage, chunk: usize) -> PathBuf {
    stage.folder().join(format!("chunk-{chunk}.jsonl"))
}
