//! The command line of a measurement, as written.

use std::path::PathBuf;
use std::time::Duration;

use trade::pack::Limits;

use crate::bench::load::MOST_PRODUCERS;
use crate::bench::plan::{self, Phase};
use crate::bench::threshold::{Ceiling, Floor};
use crate::options::{DEFAULT_LINGER, DestinationOptions, To};
use crate::quantity;
use crate::ratio::Ratio;

/// What is measured, with how much load, and what must come out.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchOptions {
    /// Trades per second of all producers. 0 is as fast as the broker confirms: then a trade
    /// counts as due when it is made
    #[arg(short, long, value_name = "TRADES", default_value = "0",
          value_parser = quantity::rate, help_heading = LOAD)]
    pub(crate) rate: f64,

    /// A rate for some seconds, such as 100k:10; given several times one after the other, and
    /// again from the first until the time is over. A rate of 0 is a pause
    #[arg(long, value_name = "VALUE:SECONDS", value_parser = Phase::read,
          conflicts_with = "rate", help_heading = LOAD)]
    pub(crate) variable_rate: Vec<Phase>,

    /// How long is measured, in seconds or with a unit [default: 30s, or once through
    /// --variable-rate]
    #[arg(short = 'z', long, value_name = "TIME", value_parser = plan::seconds,
          help_heading = LOAD)]
    pub(crate) time: Option<Duration>,

    /// Runs so long before anything is measured; its alerts are accounted for all the same
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = plan::seconds,
          help_heading = LOAD)]
    pub(crate) warm_up: Duration,

    /// Connections that publish; they share the rate
    #[arg(short = 'x', long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PRODUCERS)), help_heading = LOAD)]
    pub(crate) producers: u32,

    /// Messages of one producer that may be unconfirmed at a time
    #[arg(short, long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = LOAD)]
    pub(crate) confirm: u32,

    /// At --rate 0, each producer takes no more trades while so many alerts are awaited; it looks
    /// every 2,048 trades. The rate is then one that whoever reads keeps up with, and not how fast the
    /// broker takes messages [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
          help_heading = LOAD)]
    pub(crate) awaited: Option<u32>,

    /// Exactly this part of the orders is over-purchased (0.01 or 1%): that many alerts must
    /// come
    #[arg(long, value_name = "RATIO", default_value = "1%", help_heading = TRADES)]
    pub(crate) over_purchased: Ratio,

    /// Purchases of an order
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u64).range(1..=10_000), help_heading = TRADES)]
    pub(crate) purchases: u64,

    /// The same seed makes the same trades. Auditors that have seen them alert once only: give
    /// each run its own, as happens without this option
    #[arg(long, value_name = "N", help_heading = TRADES)]
    pub(crate) seed: Option<u64>,

    /// shards: straight to the shard of each order, packed. front-door: Aldebaran.Trade_Data,
    /// through a router, as any client
    #[arg(long, value_enum, default_value_t = To::Shards, help_heading = DESTINATION)]
    pub(crate) to: To,

    /// Trades of a message, at most [default: 1024 to shards, 1 to the front door]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000),
          help_heading = DESTINATION)]
    pub(crate) batch: Option<u32>,

    /// Bytes of a message's body, at most
    #[arg(long, value_name = "N", default_value_t = Limits::TO_SHARDS.bytes as u32, help_heading = DESTINATION)]
    pub(crate) batch_bytes: u32,

    /// How long a message waits for more trades, counted from when its first was due
    #[arg(long, value_name = "TIME", default_value = DEFAULT_LINGER,
          value_parser = humantime::parse_duration, help_heading = DESTINATION)]
    pub(crate) linger: Duration,

    /// The queue that alerts are received from
    #[arg(long, value_name = "QUEUE", default_value = "Aldebaran.Alert.stdout",
          help_heading = ALERTS)]
    pub(crate) alert_queue: String,

    /// How long is waited for alerts that are missing, counted from the last that came
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = plan::seconds,
          help_heading = ALERTS)]
    pub(crate) alerts_within: Duration,

    /// Measures what broker and machine can give: no auditor may run, but a plain consumer
    /// (`plain-lapin consume`). Messages tell it which of their trades tip an order, so that
    /// the same alerts come of them
    #[arg(long, help_heading = ALERTS)]
    pub(crate) limit: bool,

    /// Writes the figures as JSON into this file (- for standard output, without the table)
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub(crate) json: Option<PathBuf>,

    /// Writes a line of comma-separated values for each measured alert into this file: when the
    /// purchase that tipped it was due, in seconds behind the warm-up, and in microseconds how long
    /// it took from due and from publish to the alert, to be read, and from the alert to receive it,
    /// and when that purchase was due since the epoch
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub(crate) latencies: Option<PathBuf>,

    /// Exit code 3 if the latency from due to alert is above: p50, p90, p99, p99.9, p99.99 or
    /// max, such as p99=5ms
    #[arg(long, value_name = "QUANTILE=TIME", help_heading = RESULT)]
    pub(crate) fail_above: Vec<Ceiling>,

    /// Exit code 3 if fewer trades per second came through, end to end: rate=240k
    #[arg(long, value_name = "rate=TRADES", help_heading = RESULT)]
    pub(crate) fail_below: Vec<Floor>,
}

impl BenchOptions {
    pub(crate) fn destination(&self) -> DestinationOptions {
        DestinationOptions {
            to: self.to,
            batch: self.batch,
            batch_bytes: self.batch_bytes,
            linger: self.linger,
            confirm_window: self.confirm,
        }
    }
}

const LOAD: &str = "Load";
const TRADES: &str = "Trades";
const DESTINATION: &str = "Destination";
const ALERTS: &str = "Alerts";
const RESULT: &str = "Result";

const AFTER_HELP: &str = "\
Options are named as in RabbitMQ's PerfTest where it has them. Not so -s: here it is the
broker's host, as in all programs of Aldebaran; a message's size follows from --batch.

Examples:
  publisher bench -r 250k -z 1m --fail-above p99=5ms --fail-below rate=249k
  publisher bench -r 250k -z 1m --limit
  publisher bench -x 2 -c 512 --batch 256
  publisher bench --variable-rate 50k:10 --variable-rate 400k:2 -z 2m --json figures.json

Exit codes: 0 every alert came once, and every threshold held; 1 it failed, or an alert is
missing, doubled or invented; 2 wrong usage; 3 a threshold did not hold.";
