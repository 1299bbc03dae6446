//! `declare plan`: what would have to happen.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use program::Fault;
use topology::{Plan, Topology};

use crate::flags::{Output, OutputArgs, PlaceArgs};
use crate::place::Place;
use crate::survey::survey;
use crate::{show, verdict};

/// What `plan` takes.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Also writes the plan into a file, which `apply` takes
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Compares, and says what differs.
///
/// # Errors
/// Exit code 1 when the broker cannot be read; 10 to 13 by what the plan says.
pub(crate) async fn plan(topology: &Topology, args: &PlanArgs) -> Result<(), Fault> {
    let place = Place::open(&args.place).await?;
    let found = survey(topology, &place).await?.plan;
    if let Some(file) = &args.out {
        save(&found, file)?;
    }
    tell(&found, args.output.output).context("write the results to stdout")?;
    verdict::end(verdict::code(&found))
}

/// Writes the plan to stdout.
fn tell(plan: &Plan, output: Output) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match output {
        Output::Text => show::plan(&mut out, plan)?,
        Output::Json => writeln!(out, "{}", plan.to_json())?,
    }
    out.flush()
}

fn save(plan: &Plan, file: &Path) -> anyhow::Result<()> {
    std::fs::write(file, plan.to_json() + "\n")
        .with_context(|| format!("write the plan to {}", file.display()))
}
