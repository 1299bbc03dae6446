//! Measures everything on a broker of its own, in one go, and writes the report: `make bench`.
//!
//! `plan` says what is measured and for how long, `bench` goes through it, and `streams`, `raw`,
//! `offline` and `books` each know how to measure some of it with the real programs; `evenness`
//! watches the machine meanwhile. What came out is `results`; `targets`, `plot` and `report` make a
//! page of it. Whatever ends this program, all that it started ends with it.

mod bench;
mod books;
mod case;
mod cpu;
mod evenness;
mod field;
mod machine;
mod offline;
mod peers;
mod plan;
mod plot;
mod raw;
mod report;
mod results;
mod show;
mod streams;
mod targets;
mod trades;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::case::{Case, Subject};
use crate::plan::Scale;
use crate::results::Results;
use crate::show::Show;

/// Measures everything on a broker of its own, in one go, and writes the report.
#[derive(Debug, Parser)]
#[command(
    after_help = "Exit codes: 0 everything was measured and every alert accounted for, \
                        whether targets are met or not; 1 something failed; 2 wrong usage."
)]
struct Flags {
    /// A look that takes three minutes, without what must be installed first
    #[arg(long)]
    quick: bool,

    /// Only this, or only this at one of its settings, such as pipeline or pipeline=250000; may be
    /// given several times
    #[arg(long, value_name = "CASE[=AT]", value_parser = wanted)]
    only: Vec<(Subject, Option<u64>)>,

    /// How often each case is measured
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: Option<u32>,

    /// Where the report goes [default: docs/benchmarks; a quick look, a part or another set-up goes
    /// to target/benchmarks, an earlier run to where it was]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// The broker's quorum queues keep their logs in a new folder below this one, on another file
    /// system, say
    #[arg(long, value_name = "FOLDER")]
    quorum_below: Option<PathBuf>,

    /// Measures nothing, and writes the report of an earlier run again, from its run.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "only", "quorum_below"])]
    again: Option<PathBuf>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(results) if results.faults().is_empty() => ExitCode::SUCCESS,
        Ok(results) => {
            for fault in results.faults() {
                eprintln!("FAILED: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<Results> {
    let is_usual = !flags.quick && flags.only.is_empty() && flags.quorum_below.is_none();
    let folder = match (&flags.output, &flags.again) {
        (Some(folder), _) => folder.clone(),
        (None, Some(file)) => file.parent().unwrap_or(Path::new("")).to_owned(),
        // The committed report is of whole runs only.
        (None, None) if is_usual => tests::repository("docs/benchmarks"),
        (None, None) => tests::repository("target/benchmarks"),
    };
    let results = match &flags.again {
        Some(file) => report::read(file)?,
        None => {
            let mut scale = match flags.quick {
                true => Scale::quick(),
                false => Scale::full(),
            };
            scale.repeats = flags.repeats.unwrap_or(scale.repeats);
            let wants = |case: Case| {
                let is_it = |(subject, at): &(Subject, Option<u64>)| {
                    *subject == case.subject && at.is_none_or(|at| at == case.at)
                };
                flags.only.is_empty() || flags.only.iter().any(is_it)
            };
            bench::run(scale, wants, flags.quorum_below.as_deref(), &Show::new())?
        }
    };
    report::write(&results, &folder)?;
    println!("written: {}", folder.join("README.md").display());
    Ok(results)
}

fn wanted(text: &str) -> Result<(Subject, Option<u64>), String> {
    let (name, at) = match text.split_once('=') {
        Some((name, at)) => (name, Some(at)),
        None => (text, None),
    };
    let at = at.map(|at| at.parse().map_err(|_| format!("{at:?} is no whole number")));
    let subject = clap::ValueEnum::from_str(name, false)?;
    Ok((subject, at.transpose()?))
}
