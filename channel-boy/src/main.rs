//! Delivers each alert of one channel once, to people or programs.
//!
//! `intake` takes alerts from the channel's queue into the ledger, `dispatch` takes them from
//! the ledger to the sink, `doubts` settles what can be settled and `undelivered` publishes what
//! failed; none knows of the others. What is promised at each point stands in docs/channels.md.

mod attempt;
mod clock;
mod commands;
mod config;
mod crash;
mod desk;
mod dispatch;
mod doubts;
mod flights;
mod home;
mod intake;
mod pace;
mod parcel;
mod retention;
mod retry;
mod sink;
mod tally;
mod undelivered;
mod wording;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use broker::Endpoint;
use clap::Parser;
use program::{BrokerArgs, Fault, LogArgs, TopologyArgs};
use tokio_util::sync::CancellationToken;

use crate::{commands::Command, config::OnInDoubt, desk::Desk, dispatch::Limits, home::LedgerArgs};

/// Delivers each alert of one channel once.
///
/// Consumes Aldebaran.Alert.NAME, writes each alert to a ledger before it is sent and its
/// outcome after, and so knows across restarts what was delivered. What cannot be known (killed
/// between sending and recording) is "in doubt" and by default not sent again.
///
/// Without a command it delivers until it is stopped. The commands look into the ledger, beside
/// the process that delivers.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 done (stopped by SIGTERM or Ctrl-C), 1 failed, or a resolve or \
                  show that met no entry, 2 wrong usage, a wrong configuration or a ledger that \
                  cannot be used"
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    ledger: LedgerArgs,

    /// The channels' configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ALDEBARAN_CHANNELS",
        default_value = "channels.toml",
        global = true
    )]
    config: PathBuf,

    /// Delivered and failed entries are kept this long, at least 1h: longer than any alert can
    /// come again, be it by a replay or out of a queue that nobody emptied
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = at_least_an_hour)]
    keep: Duration,

    /// Alerts taken from the queue before they are acknowledged
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    prefetch: u16,

    /// At a stop, deliveries under way may take this long
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    drain: Duration,

    #[command(flatten)]
    topology: TopologyArgs,

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
    match args.command {
        Some(command) => commands::run(&command, &args.config, &args.broker, &stop).await,
        None => Box::pin(deliver(args, stop)).await,
    }
}

async fn deliver(args: Args, stop: CancellationToken) -> Result<(), Fault> {
    let endpoint = args.broker.endpoint()?;
    let name = args.ledger.channel()?;
    let channel =
        config::load(&args.config, name).map_err(|problems| Fault::Usage(problems.to_string()))?;
    retention::check(args.keep, &args.topology)?;
    let place = args.ledger.location(channel.ledger.as_ref())?;
    let (ledger, recovered) = home::open(&place).await?;
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

/// All that a channel does, until the stop or until one part of it fails.
async fn work(
    desk: &Arc<Desk>,
    endpoint: &Endpoint,
    prefetch: u16,
    limits: Limits,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let stop = stop.child_token();
    let intake = async {
        let _stop_the_others = stop.clone().drop_guard();
        intake::run(desk, endpoint, prefetch, &stop).await
    };
    let dispatch = async {
        let _stop_the_others = stop.clone().drop_guard();
        dispatch::run(desk, limits, &stop).await
    };
    let doubts = async {
        let _stop_the_others = stop.clone().drop_guard();
        doubts::run(desk, &stop).await
    };
    let undelivered = async {
        let _stop_the_others = stop.clone().drop_guard();
        undelivered::run(desk, endpoint, &stop).await
    };
    let (intake, dispatch, doubts, undelivered) =
        tokio::join!(intake, dispatch, doubts, undelivered);
    dispatch.and(doubts).and(undelivered)?;
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
    if desk.ledger.is_shared() {
        return Ok(()); // other channels have channel-boys of their own
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
