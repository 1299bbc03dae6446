//! The machine that it all ran on, as far as it matters to the figures.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use private_broker::PrivateBroker;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::evenness::Evenness;

/// What a reader needs to know to compare.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory_gib: f64,
    /// Its name and release.
    pub(crate) kernel: String,
    pub(crate) rabbitmq: String,
    pub(crate) erlang: String,
    /// The file systems of the broker's files, and how the kernel writes them.
    #[serde(default)]
    pub(crate) broker_files: String,
    /// What the machine by itself is like, with nothing of ours running.
    #[serde(default)]
    pub(crate) alone: String,
    /// Of this repository; with a `+` if files were changed since.
    pub(crate) commit: String,
    /// When it began, in UTC.
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn look(
        broker: &PrivateBroker,
        quorum: Option<&Path>,
        alone: &Evenness,
    ) -> Result<Self> {
        let overview: Value = serde_json::from_str(&broker.management()?.get("/overview")?)?;
        let version = |name: &str| overview[name].as_str().unwrap_or("unknown").to_owned();
        let now = OffsetDateTime::now_utc();
        let now = now.replace_nanosecond(0).unwrap_or(now);
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: value_of("/proc/cpuinfo", "model name").unwrap_or_default(),
            memory_gib: memory_gib().unwrap_or_default(),
            kernel: kernel(),
            rabbitmq: version("rabbitmq_version"),
            erlang: version("erlang_version"),
            broker_files: broker_files(broker.folder(), quorum),
            alone: format!(
                "a walk over memory takes {:.0} us, at the most {:.0}; {:.1}% of them are slow",
                alone.usual_us,
                alone.longest_us,
                alone.slow_part(i64::MIN..=i64::MAX) * 100.0
            ),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            date: now.format(&Rfc3339).context("tell the date")?,
        })
    }
}

/// The value behind the first colon of a line that begins with `name`.
fn value_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

fn memory_gib() -> Option<f64> {
    let total = value_of("/proc/meminfo", "MemTotal")?;
    let kib: f64 = total.split(' ').next()?.parse().ok()?;
    Some(kib / f64::from(1 << 20))
}

fn kernel() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let parts = ["ostype", "osrelease"].map(|name| read(name).unwrap_or_default());
    parts.map(|part| part.trim().to_owned()).join(" ")
}

fn broker_files(all: &Path, quorum: Option<&Path>) -> String {
    const SETTINGS: [&str; 4] = [
        "dirty_background_bytes",
        "dirty_background_ratio",
        "dirty_expire_centisecs",
        "dirty_writeback_centisecs",
    ];
    let mut files = file_system(all);
    if let Some(quorum) = quorum {
        files += &format!(", logs of quorum queues on {}", file_system(quorum));
    }
    for name in SETTINGS {
        let value = fs::read_to_string(format!("/proc/sys/vm/{name}")).unwrap_or_default();
        files += &format!("; {name} {}", value.trim());
    }
    files
}

fn file_system(folder: &Path) -> String {
    let mut df = Command::new("df");
    let output = df.arg("--output=fstype").arg(folder).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().last().unwrap_or("unknown").trim().to_owned()
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(tests::repository(""));
        let output = command.args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The report itself does not count.
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs/benchmarks"])?;
    Some(match changed.is_empty() {
        true => commit,
        false => commit + "+",
    })
}
