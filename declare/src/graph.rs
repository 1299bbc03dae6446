//! `declare graph`: a picture of the topology.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use program::{Fault, TopologyArgs};
use topology::{Graph, Plan};

use crate::flags::PlaceArgs;
use crate::place::Place;
use crate::states;
use crate::survey::survey;

/// What `graph` takes.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// In which form
    #[arg(long, value_enum, default_value_t = Form::Svg, value_name = "FORM")]
    format: Form,
    /// Colours it by what `apply` and `prune` would do, and adds what is only on the broker; with
    /// a FILE by the plan that `plan -o` wrote into it, which needs no broker
    #[arg(long, value_name = "FILE")]
    plan: Option<Option<PathBuf>>,
    /// Draws what the broker has instead of the file
    #[arg(long, conflicts_with = "plan")]
    live: bool,
    /// Draws each of the queues that differ by numbers alone
    #[arg(long)]
    unfolded: bool,
    /// Writes into a file instead of to stdout
    #[arg(short = 'o', long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The forms of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For browsers and documents; needs no other program.
    Svg,
    /// For Graphviz.
    Dot,
    /// For Mermaid, in pages of forges.
    Mermaid,
}

/// Draws.
///
/// # Errors
/// When the file, the plan or the broker cannot be read.
pub(crate) async fn graph(file: &TopologyArgs, args: &GraphArgs) -> Result<(), Fault> {
    let state = states::either(args.live, file, &args.place).await?;
    let plan = match &args.plan {
        None => None,
        Some(None) => {
            let place = Place::open(&args.place).await?;
            Some(survey(&file.load()?, &place).await?.plan)
        }
        Some(Some(path)) => {
            let text = states::read(path)?;
            let plan = Plan::from_json(&text).map_err(|why| {
                Fault::Usage(format!(
                    "{}: the plan cannot be used: {why}",
                    path.display()
                ))
            })?;
            Some(plan)
        }
    };
    let graph = Graph::of(&state, plan.as_ref(), !args.unfolded);
    let text = match args.format {
        Form::Svg => graph.svg(),
        Form::Dot => graph.dot(),
        Form::Mermaid => graph.mermaid(),
    };
    states::write(&text, args.out.as_deref(), true)
}
