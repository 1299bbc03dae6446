//! The command line, as written.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use program::{BrokerArgs, LogArgs, TopologyArgs};
use trade::pack::Limits;

use crate::bench::options::BenchOptions;
use crate::names::Names;
use crate::quantity;
use crate::ratio::Ratio;

/// `Limits::TO_SHARDS.linger_us` as it is written on a command line.
pub(crate) const DEFAULT_LINGER: &str = "1500us";

/// Publishes trades: made up, or recorded ones.
///
/// Without options, one order a second: a purchase request for 50 to 100 shares and four
/// purchases, each printed as JSON and published to the front door, Aldebaran.Trade_Data.
#[derive(Debug, Parser)]
#[command(
    name = "publisher",
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) amount: AmountOptions,
    #[command(flatten)]
    pub(crate) trades: TradeOptions,
    #[command(flatten)]
    pub(crate) recorded: RecordedOptions,
    #[command(flatten)]
    pub(crate) disorder: DisorderOptions,
    #[command(flatten)]
    pub(crate) destination: DestinationOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) topology: TopologyArgs,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
}

/// What else it can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures rate and latency from the moment each trade was due to its alert, and accounts
    /// for every alert
    ///
    /// Publishes made-up trades by a schedule that no delay moves, receives the alerts from the
    /// queue of a channel, and compares them with what the trades must raise. Nothing is
    /// sampled. The queue is emptied first, and meanwhile nobody else may read it or publish
    /// trades.
    Bench(Box<BenchOptions>),
}

const AFTER_HELP: &str = "\
Examples:
  publisher                                         an order a second, until Ctrl-C
  publisher --rate 1k --duration 1m --over-purchased 1%
  publisher --to shards --rate 250k --trades 10M --seed 7 --expect expected.jsonl
  publisher --trades 1M --seed 7 --output trades.jsonl --expect expected.jsonl
  publisher --file trades.jsonl --speed 10x
  zcat trades.jsonl.gz | publisher --file -
  publisher bench --rate 250k --time 30s --fail-above p99=5ms

Exit codes: 0 all trades are confirmed (also when it was stopped by SIGTERM or Ctrl-C);
1 it failed, or stopped with trades unconfirmed; 2 wrong usage or a wrong file.";

/// How fast and how many.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How fast, how many")]
pub(crate) struct AmountOptions {
    /// Trades per second, on a schedule that no delay moves: a publisher that was held up
    /// catches up. 0 is as fast as the broker confirms, and the default where an amount, a
    /// file or --to is given
    #[arg(long, value_name = "TRADES", value_parser = quantity::rate)]
    pub(crate) rate: Option<f64>,

    /// Ends after this many orders
    #[arg(long, value_name = "N", value_parser = quantity::count)]
    pub(crate) orders: Option<u64>,

    /// Ends after this many trades (repeats not counted; if they do not make whole orders, the
    /// last order has fewer purchases); with --file after its first N lines
    #[arg(long, value_name = "N", value_parser = quantity::count, conflicts_with = "orders")]
    pub(crate) trades: Option<u64>,

    /// Ends after this time. With --rate: after as many trades as are due in it, or one second
    /// late if the broker cannot keep up
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
}

/// What made-up trades are like.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Made-up trades")]
pub(crate) struct TradeOptions {
    /// Exactly this part of the orders is over-purchased (0.01 or 1%); of both kinds one in
    /// eight just so: by one share, or not, by reaching its limit. Without it chance decides,
    /// as in the challenge's script: about 4 in 10
    #[arg(long, value_name = "RATIO")]
    pub(crate) over_purchased: Option<Ratio>,

    /// Purchases of an order
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = quantity::count_in(1..=10_000_u64))]
    pub(crate) purchases: u64,

    /// Clients to choose from: a list (Goldman,Sendence), or how many to make up (Client-1,..)
    #[arg(long, value_name = "NAMES|N", default_value = "Goldman")]
    pub(crate) clients: Names,

    /// Stocks to choose from: a list (AAPL,IBM), or how many to make up (Stock-1,..)
    #[arg(long, value_name = "NAMES|N", default_value = "AAPL")]
    pub(crate) stocks: Names,

    /// Orders whose trades run through each other at a time; the trades of an order lie
    /// within (purchases + 1) times as many trades. Default 1000, or as many as keep an order
    /// within 5 seconds at the given rate; 1 in the challenge's pace
    #[arg(long, value_name = "N", value_parser = quantity::count)]
    pub(crate) open_orders: Option<u64>,

    /// The same seed makes the same trades, ids and all; without it every run has its own,
    /// which the summary tells
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// Trades from a file.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recorded trades")]
pub(crate) struct RecordedOptions {
    /// Publishes the lines of this file (- for standard input), one trade a line, byte for
    /// byte; also those that are no trades: they go to Aldebaran.Rejected in the end
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "orders", "over_purchased", "purchases", "clients", "stocks", "open_orders", "time_from",
    ])]
    pub(crate) file: Option<PathBuf>,

    /// Keeps the spacing of the trades' field `time` (1x), or a multiple of it (10x, 0.5x).
    /// max: as fast as the broker confirms
    #[arg(long, value_name = "MULTIPLE", default_value = "max", requires = "file",
          conflicts_with = "rate", value_parser = Speed::read)]
    pub(crate) speed: Speed,
}

/// A multiple of the recorded speed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speed(pub(crate) Option<f64>);

impl Speed {
    fn read(text: &str) -> Result<Self, String> {
        quantity::speed(text).map(Speed)
    }
}

/// What happens to trades on the way.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Disorder")]
pub(crate) struct DisorderOptions {
    /// Trades out of order: none moves further than N trades from its place
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = quantity::count_in(0..=10_000_000_u32))]
    pub(crate) shuffle: u32,

    /// Sends this part of the trades a second time, up to 1000 trades later (or 5 seconds at
    /// the given rate, or within --shuffle)
    #[arg(long, value_name = "RATIO", default_value = "0")]
    pub(crate) duplicate: Ratio,
}

/// Where trades go to on the broker.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Destination")]
pub(crate) struct DestinationOptions {
    /// front-door: Aldebaran.Trade_Data, as any client. shards: straight to the shard of each
    /// order, packed; how many there are says the topology
    #[arg(long, value_enum, default_value_t = To::FrontDoor)]
    pub(crate) to: To,

    /// Trades of a message, at most [default: 1024 to shards, 1 to the front door]
    #[arg(long, value_name = "N", value_parser = quantity::count_in(1..=100_000_u32))]
    pub(crate) batch: Option<u32>,

    /// Bytes of a message's body, at most; a longer trade goes alone
    #[arg(long, value_name = "N", default_value_t = Limits::TO_SHARDS.bytes as u32,
          value_parser = quantity::count_in(0..=u32::MAX))]
    pub(crate) batch_bytes: u32,

    /// How long a message waits for more trades, counted from when its first was due
    #[arg(long, value_name = "TIME", default_value = DEFAULT_LINGER,
          value_parser = humantime::parse_duration)]
    pub(crate) linger: Duration,

    /// Messages that may be unconfirmed at a time
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = quantity::count_in(1..=100_000_u32))]
    pub(crate) confirm_window: u32,
}

/// A way into Aldebaran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    Shards,
    FrontDoor,
}

/// What is written where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Prints each trade on standard output as it is sent; the default without other options
    #[arg(long)]
    pub(crate) print: bool,

    /// Writes the alerts that the trades sent must raise, one JSON object a line: order_id,
    /// client, stock, requested, purchased_total. They hold if the trades of an order lie
    /// within the auditor's TTL
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,

    /// Writes the trades into this file (- for standard output), one a line, as fast as it
    /// goes, and needs no broker
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "to", "batch", "batch_bytes", "linger", "confirm_window", "speed", "print",
    ])]
    pub(crate) output: Option<PathBuf>,

    /// Gives each trade written by --output a field `time`, as if sent with --rate from this
    /// time on (RFC 3339, such as 2015-06-26T09:30:00Z)
    #[arg(long, value_name = "TIME", requires_all = ["output", "rate"], value_parser = rfc_3339)]
    pub(crate) time_from: Option<TimeFrom>,
}

/// Microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeFrom(pub(crate) i64);

fn rfc_3339(text: &str) -> Result<TimeFrom, String> {
    let rfc_3339 = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, rfc_3339)
        .ok()
        .and_then(|time| i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok())
        .map(TimeFrom)
        .ok_or_else(|| "a time is written as 2015-06-26T09:30:00Z".to_owned())
}
