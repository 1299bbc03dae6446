//! What is in the logs: orders whose trades lie within one TTL, in any order, some repeated.

use std::ops::Range;

use broker::{Header, Message};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trade::{Purchase, Request, Trade, shard_of};

use super::{EXCHANGE, TIME};

/// How long books stay open, in microseconds.
pub(crate) const TTL_US: i64 = 20_000_000;

/// When the simulation begins, in microseconds since the epoch.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;

/// One message of a log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) shard: u32,
    /// When it is published, on the true clock.
    pub(crate) at_us: i64,
    /// What its publisher's clock shows then.
    pub(crate) time_us: i64,
    pub(crate) body: Vec<u8>,
}

impl Entry {
    pub(crate) fn at_ms(&self) -> u64 {
        u64::try_from((self.at_us - START_US) / 1000).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> Message {
        Message {
            exchange: EXCHANGE.to_owned(),
            routing_key: self.shard.to_string(),
            body: self.body.clone().into(),
            headers: vec![(TIME, Header::Int(self.time_us))],
            ..Message::default()
        }
    }
}

/// A day's trades.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) shards: u32,
    /// In the order of their publishing.
    pub(crate) entries: Vec<Entry>,
    /// The orders that must alert, sorted.
    pub(crate) over_purchased: Vec<String>,
}

impl Market {
    /// The market of a seed. One of three publishers has a clock that is ahead by some
    /// microseconds of that range.
    pub(crate) fn generate(seed: u64, shards: u32, ahead_us: Range<i64>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let ahead_us = random.random_range(ahead_us);
        let mut lines: Vec<(i64, u32, Vec<u8>)> = Vec::new();
        let mut values = Vec::new();
        for order in 0..random.random_range(5..40) {
            let opened_us = START_US + 1_000_000 + random.random_range(0..2 * TTL_US);
            let mut trades = order_trades(order, &mut random);
            trades.shuffle(&mut random);
            for trade in &trades {
                let mut line = Vec::new();
                trade.write_json(&mut line);
                values.push(serde_json::from_slice(&line).expect("JSON"));
                let copies = if random.random_bool(0.2) { 2 } else { 1 };
                for _ in 0..copies {
                    // A TTL counts from the first trade's message to the last one's, and a
                    // clock may be off by the skew that is allowed.
                    let at_us = opened_us + random.random_range(0..TTL_US - 2_000_000);
                    lines.push((at_us, shard_of(trade.order_id(), shards), line.clone()));
                }
            }
        }
        lines.sort();
        let mut over_purchased: Vec<_> = oracle::over_purchased(&values)
            .into_iter()
            .map(|expected| expected.order_id)
            .collect();
        over_purchased.sort();
        Market {
            shards,
            entries: pack(lines, ahead_us, &mut random),
            over_purchased,
        }
    }

    /// The same a while later, with other order ids.
    pub(crate) fn later(mut self, by_us: i64, name: &str) -> Self {
        for entry in &mut self.entries {
            entry.at_us += by_us;
            entry.time_us += by_us;
            let text = String::from_utf8_lossy(&entry.body);
            entry.body = text.replace("order-", &format!("{name}-")).into_bytes();
        }
        for order in &mut self.over_purchased {
            *order = order.replace("order-", &format!("{name}-"));
        }
        self
    }
}

fn pack(lines: Vec<(i64, u32, Vec<u8>)>, ahead_us: i64, random: &mut ChaCha8Rng) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at_us, shard, line) in lines {
        let is_ahead = random.random_range(0..3) == 0;
        match entries.last_mut() {
            Some(last)
                if last.shard == shard
                    && random.random_bool(0.3)
                    && at_us - last.at_us < 500_000 =>
            {
                last.body.push(b'\n');
                last.body.extend(line);
            }
            _ => entries.push(Entry {
                shard,
                at_us,
                time_us: at_us + if is_ahead { ahead_us } else { 0 },
                body: line,
            }),
        }
    }
    entries
}

fn order_trades(order: u32, random: &mut ChaCha8Rng) -> Vec<Trade<'static>> {
    let id = format!("order-{order}");
    let limit = random.random_range(0..100);
    let mut trades = vec![Trade::Request(Request {
        id: id.clone().into(),
        shares: limit,
        client: "Goldman".into(),
        stock: "AAPL".into(),
    })];
    for purchase in 0..random.random_range(0..6) {
        trades.push(Trade::Purchase(Purchase {
            id: format!("purchase-{order}-{purchase}").into(),
            order_id: id.clone().into(),
            shares: random.random_range(0..50),
            client: "Goldman".into(),
            stock: "AAPL".into(),
        }));
    }
    trades
}
