//! `declare`: puts the topology of a file onto a broker.

mod able;
mod apply;
mod check;
mod object;
mod outcome;
mod session;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use program::{BrokerArgs, Fault, LogArgs, TopologyArgs};
use tokio_util::sync::CancellationToken;

/// Puts the exchanges, queues and bindings of a topology file onto a RabbitMQ broker.
///
/// docs/declare.md describes the file.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes:
  0   done
  1   the broker cannot be reached, is not able, or refused something; what was done is listed
  2   wrong usage, or problems in the file: every one is named with its line
  11  something exists with other properties; it was left as it is"
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
    /// Creates what is missing; changes and deletes nothing that is there. Safe to repeat
    ///
    /// One line for each object:
    ///   created        it did not exist and does now
    ///   already there  it exists, and the broker took the same declaration again;
    ///                  AMQP does not compare every argument
    ///   bound          the binding exists now; AMQP does not tell whether it did before
    ///   conflict       it exists with other properties, in the broker's words; left as it is
    ///   failed         the broker refused, in its words
    ///   skipped        a binding of something that conflicts or failed
    #[command(verbatim_doc_comment)]
    Apply {
        #[command(flatten)]
        broker: BrokerArgs,
    },
    /// Reads the file and names everything that is wrong with it. Needs no broker
    Check {
        /// Lists every object that the file describes, repetitions unrolled
        #[arg(long)]
        print: bool,
    },
}

fn main() -> ExitCode {
    program::run(|arguments: &Arguments| &arguments.logs, run)
}

async fn run(arguments: Arguments, stop: CancellationToken) -> Result<(), Fault> {
    let topology = arguments.topology.load()?;
    match arguments.command {
        Command::Apply { broker } => apply::apply(&topology, &broker.endpoint()?, &stop).await,
        Command::Check { print } => check::check(&topology, print),
    }
}
