//! The auditor's flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use program::{BrokerArgs, LogArgs, TopologyArgs};

/// Raises one alert for every order that is over-purchased.
///
/// Any number of auditors share the shards; each also routes the front door. Start one more
/// to share the work, kill one and the others take over. Needs `declare apply` first.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        auditor                              share the shards of the broker on localhost\n  \
        auditor --ttl 5m -v                  books stay open for five minutes\n  \
        auditor --file trades.jsonl          look into recorded trades, without a broker\n  \
        zcat day.gz | auditor --file -       the same from standard input\n\n\
        Exit codes: 0 done (stopped by SIGTERM or Ctrl-C included), 1 failed, 2 wrong usage or \
        a wrong file, 130 ended at once by a second signal."
)]
pub(crate) struct Flags {
    /// Reads recorded trades, one JSON object a line, and prints an alert a line; `-` is
    /// standard input. A trade may carry its `time` (RFC 3339, or microseconds since the
    /// epoch), and books then end by it; as long as none does, books stay open to the end
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How long a book stays open after the first trade of its order, in the time that the
    /// trades' messages carry
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = positive_duration)]
    pub(crate) ttl: Duration,

    /// How many books may be open in each shard, at about 200 bytes each; beyond it the oldest
    /// are ended, which is said loudly: their orders may miss an alert, none gets a wrong one
    #[arg(long, value_name = "COUNT", default_value_t = 4_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub(crate) max_books: u32,

    /// How far a publisher's clock may be ahead of this one's and still be believed; beyond it,
    /// its messages do not move time while others are there
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = bounded_duration)]
    pub(crate) max_skew: Duration,

    /// How often a shard's progress token is written again if nothing happens; well below the
    /// broker's consumer_timeout, after which it closes the channel (30 minutes by default)
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = positive_duration)]
    pub(crate) renew_after: Duration,

    /// How long no shard is given back after one came straight back
    #[arg(long, hide = true, value_name = "DURATION", default_value = "60s", value_parser = bounded_duration)]
    pub(crate) reluctance: Duration,

    /// Leaves the front door to other auditors
    #[arg(long)]
    pub(crate) no_router: bool,

    /// This auditor's name in the broker's lists [default: host, process id and a random part]
    #[arg(long, value_name = "NAME", value_parser = short_name)]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) topology: TopologyArgs,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = bounded_duration(text)?;
    if duration.is_zero() {
        return Err("must be more than nothing".to_owned());
    }
    Ok(duration)
}

/// Times are kept as 63 bits of microseconds; nobody needs more than a century.
fn bounded_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > Duration::from_secs(36_525 * 86_400) {
        return Err("must be at most 100 years".to_owned());
    }
    Ok(duration)
}

/// A name becomes part of names on the broker, which have at most 255 bytes.
fn short_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 200 {
        return Err("must have 1 to 200 bytes".to_owned());
    }
    Ok(text.to_owned())
}
