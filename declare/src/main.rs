//! `declare`: the topology of a file and of a RabbitMQ broker.

mod able;
mod apply;
mod batch;
mod carry;
mod check;
mod consent;
mod crash;
mod diff;
mod evidence;
mod export;
mod flags;
mod graph;
mod migrate;
mod object;
mod outcome;
mod place;
mod plan;
mod prune;
mod report;
mod route;
mod saved;
mod secrets;
mod session;
mod show;
mod states;
mod survey;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use program::{Fault, LogArgs, TopologyArgs};
use tokio_util::sync::CancellationToken;

/// The topology of a RabbitMQ vhost as a file: plans, applies, checks and prunes it.
///
/// docs/declare.md describes the file.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes:
  0   done; of `plan`: in sync, every object looked at
  1   the broker cannot be reached, is not able, or refused something; what was done is listed
  2   wrong usage, or problems in the file: every one is named with its line
  10  `plan`: something is missing or differs, and `apply` would put it right
  11  something exists with other properties; it was left as it is
  12  something that the file owns is not described: `prune` would delete it, or did not because
      it is not empty
  13  `plan`: nothing is known to be missing, but not all could be looked at: no proof of sync"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    topology: TopologyArgs,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what would have to happen so that the broker is as the file wants it; changes nothing
    Plan(plan::PlanArgs),
    /// Creates what is missing and changes what can be changed in place; deletes nothing. Safe to
    /// repeat
    ///
    /// One line for each object that is not as wanted already:
    ///   created        it did not exist and does now
    ///   changed        a policy, a permission, a parameter, a user or a vhost was otherwise
    ///   conflict       it exists with other properties; left as it is
    ///   failed         the broker refused, in its words
    ///   skipped        a binding of something that conflicts or failed
    ///   not tried      the broker was lost, or a signal came, before its turn
    /// And without the management API, over AMQP alone:
    ///   already there  it exists, and the broker took the same declaration again;
    ///                  AMQP does not compare every argument
    ///   bound          the binding exists now; AMQP does not tell whether it did before
    #[command(verbatim_doc_comment)]
    Apply(apply::ApplyArgs),
    /// Deletes what the file owns by its `[manage]` and does not describe. Keeps what is not empty
    Prune(prune::PruneArgs),
    /// Reads the file and names everything that is wrong with it. Needs no broker
    Check(check::CheckArgs),
    /// Says which queues would get a message, and why not the others. Publishes nothing
    Route(route::RouteArgs),
    /// Draws exchanges, queues and what leads from one to the other
    Graph(graph::GraphArgs),
    /// Writes what the broker has as a topology file, repetition folded; applying it changes
    /// nothing
    Export(export::ExportArgs),
    /// Writes RabbitMQ's definitions (JSON) as a topology file
    Import(export::ImportArgs),
    /// Compares two files, two brokers, or one with the other. Exit code 10 when they differ
    Diff(diff::DiffArgs),
    /// Writes the completions of a shell to stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Writes the JSON Schema of topology files, for editors
    Schema,
}

fn main() -> ExitCode {
    program::run(|arguments: &Arguments| &arguments.logs, run)
}

async fn run(arguments: Arguments, stop: CancellationToken) -> Result<(), Fault> {
    let file = &arguments.topology;
    match arguments.command {
        Command::Plan(args) => reading(plan::plan(&file.load()?, &args), &stop).await,
        Command::Apply(args) => apply::apply(&file.load()?, &args, &stop).await,
        Command::Prune(args) => prune::prune(&file.load()?, &args, &stop).await,
        Command::Check(args) => check::check(file, &args),
        Command::Route(args) => reading(route::route(file, &args), &stop).await,
        Command::Graph(args) => reading(graph::graph(file, &args), &stop).await,
        Command::Export(args) => reading(export::export(&args), &stop).await,
        Command::Import(args) => export::import(&args),
        Command::Diff(args) => reading(diff::compare(&args), &stop).await,
        Command::Completions { shell } => {
            let mut command = <Arguments as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "declare", &mut std::io::stdout());
            Ok(())
        }
        Command::Schema => states::write(&topology::schema(), None, false),
    }
}

/// A command that only reads, until a signal comes.
async fn reading(
    command: impl Future<Output = Result<(), Fault>>,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    tokio::select! {
        done = command => done,
        () = stop.cancelled() => {
            Err(anyhow::anyhow!("finish: it was stopped by a signal; nothing is changed").into())
        }
    }
}
