//! All measurements, one after the other.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use private_broker::{Folder, PrivateBroker, Release, Settings};

use crate::case::{Case, Subject};
use crate::evenness::Walker;
use crate::machine::Machine;
use crate::plan::{FEW_TRADES, Scale};
use crate::results::{Results, Run, SCHEMA};
use crate::show::Show;
use crate::trades::{self, Trades};
use crate::{books, offline, peers, raw, streams};

/// How long the broker has for the vhost of the run before.
const SETTLE: Duration = Duration::from_millis(500);

/// How long the machine is watched with nothing of ours running.
const ALONE: Duration = Duration::from_secs(5);

/// What all measurements share. It ends with this value, and also when the process is killed.
pub(crate) struct Bench {
    pub(crate) scale: Scale,
    pub(crate) broker: PrivateBroker,
    pub(crate) folder: Folder,
    pub(crate) many: Trades,
    pub(crate) few: Trades,
    pub(crate) single: PathBuf,
}

/// Measures what `wants` of all cases.
pub(crate) fn run(
    scale: Scale,
    wants: impl Fn(Case) -> bool,
    quorum_below: Option<&Path>,
    show: &Show,
) -> Result<Results> {
    let round = |repeat| {
        let cases = scale.round(repeat).into_iter();
        cases
            .filter(|case| wants(*case))
            .map(move |case| (repeat, case))
    };
    let mut steps: Vec<(u32, Case)> = (1..=scale.repeats).flat_map(round).collect();
    let (bench, machine) = Bench::prepare(scale.clone(), quorum_below, show)?;
    let mut absent = Vec::new();
    if steps
        .iter()
        .any(|(_, case)| peers::library(case.subject).is_some())
    {
        absent = show.step("the peers, installed and thrown away later", || {
            peers::install(bench.folder.path())
        })?;
    }
    let is_absent = |case: &Case| {
        let library = peers::library(case.subject);
        absent.iter().any(|(name, _)| library == Some(name))
    };
    steps.retain(|(_, case)| !is_absent(case));

    // The first run on a fresh node has a p99 three times that of the next one.
    show.step("the node, warmed up", || {
        let run = bench.measure(Case::new(Subject::Limit, 250_000), 0);
        ensure!(run.faults.is_empty(), "warm up: {}", run.faults.join(", "));
        Ok(())
    })?;

    let progress = show.all(steps.iter().map(|(_, case)| scale.lasts(*case)).sum());
    let mut runs = Vec::new();
    for (number, (repeat, case)) in (1..).zip(&steps) {
        let title = format!("{number}/{} {case}", steps.len());
        progress.begins(&title);
        let run = bench.measure(*case, *repeat);
        progress.ends(&title, &run, scale.lasts(*case));
        runs.push(run);
    }
    Ok(Results {
        schema: SCHEMA.to_owned(),
        scale,
        machine,
        runs,
        absent,
    })
}

impl Bench {
    fn prepare(scale: Scale, quorum_below: Option<&Path>, show: &Show) -> Result<(Self, Machine)> {
        let folder = Folder::temporary("aldebaran-benchmark-")?;
        let alone = show.step("the machine by itself", || Walker::alone(ALONE))?;
        let broker = show.step("a RabbitMQ node of our own", || {
            Ok(PrivateBroker::start(&Settings {
                release: Release::Installed,
                // It gives each run a vhost of its own.
                management: true,
                quorum_below: quorum_below.map(PathBuf::from),
                ..Settings::default()
            })?)
        })?;
        let machine = Machine::look(&broker, quorum_below, &alone)?;
        let make = |name, count| Trades::make(folder.path(), name, count);
        let (many, few) = show.step("trades in files", || {
            let many = make("many.jsonl", scale.many_trades())?;
            Ok((many, make("few.jsonl", FEW_TRADES)?))
        })?;
        let bench = Self {
            single: trades::single(folder.path())?,
            scale,
            broker,
            folder,
            many,
            few,
        };
        Ok((bench, machine))
    }

    /// One measurement; if it cannot be made, that is its fault.
    fn measure(&self, case: Case, repeat: u32) -> Run {
        settle();
        let measure = match case.subject {
            Subject::RawPublish | Subject::RawRead => raw::measure,
            Subject::Limit
            | Subject::Pipeline
            | Subject::Unpacked
            | Subject::FrontDoor
            | Subject::Pika
            | Subject::Shards => streams::measure,
            Subject::File | Subject::Bytewax | Subject::Pathway => offline::measure,
            Subject::Books => books::measure,
        };
        measure(self, case, repeat).unwrap_or_else(|error| {
            let mut run = Run::new(case, repeat);
            // What is behind it names places of this machine, which do not belong into a report.
            eprintln!("{case}: failed to {error:#}");
            let first = error.to_string();
            let first = first.lines().next().unwrap_or_default();
            run.faults.push(format!("failed to {first}"));
            run
        })
    }
}

/// Lets what the run before has written get to the disk, or be deleted.
fn settle() {
    rustix::fs::sync();
    sleep(SETTLE);
    rustix::fs::sync();
}
