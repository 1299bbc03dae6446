//! A second application over the same shards, beside the auditor: shares traded per stock in
//! tumbling windows of ten seconds, published to an exchange of its own.
//!
//! ```text
//! declare apply --yes --topology crates/engine/examples/volume.toml
//! cargo run --release -p engine --example volume
//! ```
//!
//! A trade belongs to the window of its message's own time, so that a replay puts it there
//! again; a window is closed by log time, a little after its end. Each shard tells its part.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker::{Endpoint, Message};
use clap::Parser;
use engine::{Config, LogMessage, Machine, Needed};
use program::{BrokerArgs, Fault, LogArgs, TopologyArgs};
use tokio_util::sync::CancellationToken;
use topology::names;
use trade::{PUBLISHED_HEADER, Purchase, READ_HEADER, TIME_HEADER, Trade, read_batch};

const WINDOW_US: i64 = 10_000_000;
const LATENESS_US: i64 = 2_000_000;

/// What was traded in the windows that are open.
struct Volume {
    shard: u32,
    windows: BTreeMap<i64, Window>,
}

struct Window {
    needed: Needed,
    shares: BTreeMap<String, u128>,
    counted: BTreeSet<String>,
}

impl Machine for Volume {
    fn apply(&mut self, message: &LogMessage<'_>, effects: &mut Vec<Message>) {
        let over = message.log_us.saturating_sub(WINDOW_US + LATENESS_US);
        while let Some(window) = self
            .windows
            .first_entry()
            .filter(|window| *window.key() <= over)
        {
            effects.extend(report(self.shard, window.remove_entry()));
        }
        let start = message
            .time_us
            .unwrap_or(message.begin_us)
            .div_euclid(WINDOW_US)
            .saturating_mul(WINDOW_US);
        if start <= over {
            return;
        }
        for item in read_batch(message.body) {
            let Ok(Trade::Purchase(Purchase {
                id, shares, stock, ..
            })) = item.trade
            else {
                continue;
            };
            let needed = Needed {
                offset: message.offset,
                log_us: message.log_us,
            };
            let window = self.windows.entry(start).or_insert_with(|| Window {
                needed,
                shares: BTreeMap::new(),
                counted: BTreeSet::new(),
            });
            if window.counted.insert(id.into_owned()) {
                *window.shares.entry(stock.into_owned()).or_default() += u128::from(shares);
            }
        }
    }

    fn oldest_needed(&self) -> Option<Needed> {
        self.windows
            .values()
            .map(|window| window.needed)
            .min_by_key(|needed| needed.offset)
    }
}

fn report(shard: u32, (start_us, window): (i64, Window)) -> impl Iterator<Item = Message> {
    window
        .shares
        .into_iter()
        .map(move |(stock, shares)| Message {
            exchange: "Aldebaran.Volume".to_owned(),
            routing_key: format!("shard.{shard}"),
            message_id: Some(format!("{start_us}-{shard}")),
            body: format!(
                r#"{{"window_us":{start_us},"shard":{shard},"stock":{},"shares":{shares}}}"#,
                serde_json::Value::from(stock)
            )
            .into(),
            ..Message::default()
        })
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    topology: TopologyArgs,
    #[command(flatten)]
    logs: LogArgs,
}

async fn watch(flags: Flags, stop: CancellationToken) -> Result<(), Fault> {
    let endpoint: Endpoint = flags.broker.endpoint()?;
    let shards = flags.topology.load()?.shards()?;
    let config = Config {
        name: format!("volume-{}", std::process::id()),
        streams: (0..shards)
            .map(|shard| names::shard_stream(shards, shard))
            .collect(),
        progress_queues: (0..shards)
            .map(|shard| format!("Aldebaran.Volume.{shards}.{shard}"))
            .collect(),
        exchanges: vec!["Aldebaran.Volume".to_owned()],
        roster: "Aldebaran.Volume.Workers".to_owned(),
        time_header: TIME_HEADER,
        stamp_headers: [READ_HEADER, PUBLISHED_HEADER],
        skew: Duration::from_secs(1),
        prefetch: 256,
        progress_every: Duration::from_secs(1),
        renew_after: Duration::from_secs(300),
        reluctance: Duration::from_secs(60),
        drain_within: Duration::from_secs(10),
    };
    let machine = |shard| Volume {
        shard,
        windows: BTreeMap::new(),
    };
    Ok(engine::run(&endpoint, config, Arc::default(), machine, stop).await?)
}

fn main() -> ExitCode {
    program::run(|flags: &Flags| &flags.logs, watch)
}
