//! Measures the whole way of a trade, from the moment it was due to its alert.
//!
//! Open-loop: the schedule (`plan`) is fixed before the run, and every latency begins at the
//! moment that it names, so that a publisher that had to wait shows. `load` and `laps` make the
//! trades, `meter` watches them leave, `alerts` receives what comes of them, and `accounts` compares
//! it with what the oracle says. When the limit is measured, a plain consumer in a process of its own
//! stands in for the auditors.

mod accounts;
mod alerts;
mod clock;
mod laps;
mod latency;
mod limit;
mod listing;
mod live;
mod load;
mod meter;
pub(crate) mod options;
pub(crate) mod plan;
mod progress;
mod received;
mod report;
mod session;
mod table;
mod threshold;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use program::Fault;
use tokio_util::sync::CancellationToken;

use crate::bench::listing::Listing;
use crate::bench::live::Live;
use crate::bench::load::Load;
use crate::bench::options::BenchOptions;
use crate::bench::report::Report;
use crate::bench::session::Session;
use crate::options::Options;
use crate::route::Route;

/// The exit code when a threshold did not hold.
const NOT_HELD: u8 = 3;

/// Where the JSON goes.
enum Json {
    Stdout,
    File(File),
}

/// Runs one measurement and tells what came out.
pub(crate) async fn run(
    options: &Options,
    wanted: &BenchOptions,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let load = Load::resolve(wanted)?;
    let route = Route::resolve(&wanted.destination(), &options.topology)?;
    let endpoint = options.broker.endpoint()?;
    let json = wanted.json.as_deref().map(Json::open).transpose()?;
    let listing = wanted.latencies.as_deref().map(latencies).transpose()?;
    let server = broker::server(&endpoint).await?;
    let session = Session::open(wanted, &endpoint, &load, &route, stop).await?;
    let Some(session) = session else {
        return Ok(());
    };
    let live = Live::new(load.warm_up, load.time, options.logs.quiet);
    let outcome = session.run(live, listing, stop).await?;
    let is_stopped = stop.is_cancelled();
    let report = Report::new(wanted, &load, &route, &server, outcome, is_stopped);
    tell(&report, json)?;
    judge(&report)
}

fn tell(report: &Report, json: Option<Json>) -> Result<(), Fault> {
    let mut stdout = std::io::stdout().lock();
    match json {
        Some(Json::Stdout) => {
            return Ok(write_json(report, stdout).context("write the figures")?);
        }
        Some(Json::File(file)) => write_json(report, file).context("write the figures")?,
        None => {}
    }
    Ok(writeln!(stdout, "{report}").context("print the figures")?)
}

fn write_json(report: &Report, mut out: impl Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn judge(report: &Report) -> Result<(), Fault> {
    if let Some(fault) = report.fault() {
        return Err(anyhow!(fault).into());
    }
    let broken: Vec<_> = report
        .broken()
        .iter()
        .map(|broken| match broken.measured {
            Some(measured) => format!("{} did not hold: {measured:.0}", broken.threshold),
            None => format!("{} did not hold: nothing was measured", broken.threshold),
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Fault::Exit {
        code: NOT_HELD,
        message: broken.join("\n"),
    })
}

impl Json {
    /// Makes sure before a long run that its figures can be written.
    fn open(path: &Path) -> Result<Self, Fault> {
        if path == Path::new("-") {
            return Ok(Json::Stdout);
        }
        create("--json", path).map(Json::File)
    }
}

fn latencies(path: &Path) -> Result<Listing, Fault> {
    if path == Path::new("-") {
        let why = "--latencies -: it goes into a file; standard output has the figures";
        return Err(Fault::Usage(why.to_owned()));
    }
    let file = create("--latencies", path)?;
    Ok(Listing::begin(file).context("write --latencies")?)
}

fn create(option: &str, path: &Path) -> Result<File, Fault> {
    File::create(path).map_err(|error| {
        Fault::Usage(format!(
            "{option} {}: cannot write it: {error}",
            path.display()
        ))
    })
}
