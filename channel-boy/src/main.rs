//! Delivers each alert of one channel once, to people or programs.
//!
//! `intake` takes alerts from the channel's queue into the ledger, `dispatch` takes them from
//! the ledger to the sink; neither knows of the other. What is promised at each point stands in
//! docs/channels.md.

mod attempt;
mod clock;
mod command;
mod config;
mod crash;
mod desk;
mod dispatch;
mod flights;
mod intake;
mod retry;
#[allow(dead_code)] // until letters are collected and providers asked
mod sink;
mod tally;
mod wording;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use broker::Endpoint;
use clap::Parser;
use ledger::Ledger;
use program::{BrokerArgs, Fault, LogArgs};
use tokio_util::sync::CancellationToken;

use crate::{clock::now_ms, command::Command, config::OnInDoubt, desk::Desk, dispatch::Limits};

/// Delivers each alert of one channel once.
///
/// Consumes Aldebaran.Alert.NAME, writes each alert to a ledger before it is sent and its
/// outcome after, and so knows across restarts what was delivered. What cannot be known (killed
/// between sending and recording) is "in doubt" and by default not sent again.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 done (stopped by SIGTERM or Ctrl-C), 1 failed, 2 wrong usage, a \
                  wrong configuration or a ledger that cannot be used"
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// The channel: its part of the configuration, and its queue
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,

    /// The channels' configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ALDEBARAN_CHANNELS",
        default_value = "channels.toml",
        global = true
    )]
    config: PathBuf,

    /// The ledger, made if it is not there; one process each (default: NAME.ledger)
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,

    /// Delivered and failed entries are kept this long, at least 1h: longer than any alert can
    /// come again, be it by a replay or out of a queue that nobody emptied
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = at_least_an_hour)]
    keep: Duration,

    /// Alerts taken from the queue before they are acknowledged
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    prefetch: u16,

    /// At a stop, deliveries under way may take this long
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    drain: Duration,

    #[command(flatten)]
    broker: BrokerArgs,

    #[command(flatten)]
    logs: LogArgs,
}

fn at_least_an_hour(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(keep) if keep >= Duration::from_secs(3600) => Ok(keep),
        Ok(_) => Err("must be at least 1h".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn main() -> ExitCode {
    program::run(|args: &Args| &args.logs, run)
}

async fn run(args: Args, stop: CancellationToken) -> Result<(), Fault> {
    if let Some(command) = &args.command {
        return command.run(&args.config, &stop).await;
    }
    let Some(name) = &args.channel else {
        let words = "which channel? name it with --channel NAME, or see --help for the commands";
        return Err(Fault::Usage(words.to_owned()));
    };
    let endpoint = args.broker.endpoint()?;
    let channel =
        config::load(&args.config, name).map_err(|problems| Fault::Usage(problems.to_string()))?;
    let file = args
        .ledger
        .unwrap_or_else(|| format!("{}.ledger", channel.name).into());
    let (ledger, recovered) = Ledger::open(&file, now_ms())
        .map_err(|error| Fault::Usage(format!("failed to {error}")))?;
    let desk = Arc::new(Desk::new(channel, ledger));
    desk.tally.in_doubt.add(recovered.in_doubt);
    greet(&desk).await?;

    let limits = Limits {
        drain: args.drain,
        keep: args.keep,
    };
    let ended = work(&desk, &endpoint, args.prefetch, limits, &stop).await;
    desk.ledger.close().await;
    tracing::info!("{}: {}", desk.channel.name, desk.tally);
    ended
}

/// Intake and dispatch, until the stop or until one of them fails.
async fn work(
    desk: &Arc<Desk>,
    endpoint: &Endpoint,
    prefetch: u16,
    limits: Limits,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let stop = stop.child_token();
    let intake = async {
        let _stop_the_other = stop.clone().drop_guard();
        intake::run(desk, endpoint, prefetch, &stop).await
    };
    let dispatch = async {
        let _stop_the_other = stop.clone().drop_guard();
        dispatch::run(desk, limits, &stop).await
    };
    let (intake, dispatch) = tokio::join!(intake, dispatch);
    dispatch?;
    intake
}

/// Says what the ledger holds from before.
async fn greet(desk: &Desk) -> Result<(), Fault> {
    let (open, in_doubt) = desk.count().await?;
    if open > 0 {
        tracing::info!(entries = open, "taken up again from the ledger");
    }
    if in_doubt > 0 && desk.channel.on_in_doubt == OnInDoubt::Hold {
        tracing::warn!(entries = in_doubt, "in doubt: held until a person decides");
    }
    for other in desk.ledger.standing().await? {
        if other.channel != desk.channel.name && other.open > 0 {
            let (channel, entries) = (other.channel, other.open);
            tracing::warn!(
                channel,
                entries,
                "of another channel, not delivered by this process"
            );
        }
    }
    Ok(())
}
