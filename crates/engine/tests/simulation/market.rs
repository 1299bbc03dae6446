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

/// How many orders there are, and when their trades come, in microseconds.
struct Orders {
    count: u32,
    begin_within_us: i64,
    last_us: i64,
}

impl Market {
    /// The market of a seed. One of three publishers has a clock that is ahead by some
    /// microseconds of that range.
    pub(crate) fn generate(seed: u64, shards: u32, ahead_us: Range<i64>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let ahead_us = random.random_range(ahead_us);
        let orders = Orders {
            count: random.random_range(5..40),
            begin_within_us: 2 * TTL_US,
            // A TTL counts from the first trade's message to the last one's, and a clock may be
            // off by the skew that is allowed.
            last_us: TTL_US - 2_000_000,
        };
        Self::of_orders(&orders, shards, ahead_us, &mut random)
    }

    /// A few orders within seconds, on one shard.
    pub(crate) fn small() -> Self {
        let orders = Orders {
            count: 5,
            begin_within_us: 1_000_000,
            last_us: 1_000_000,
        };
        Self::of_orders(&orders, 1, 0, &mut ChaCha8Rng::seed_from_u64(0))
    }

    fn of_orders(orders: &Orders, shards: u32, ahead_us: i64, random: &mut ChaCha8Rng) -> Self {
        let mut lines: Vec<(i64, u32, Vec<u8>)> = Vec::new();
        let mut values = Vec::new();
        for order in 0..orders.count {
            let opened_us = START_US + 1_000_000 + random.random_range(0..orders.begin_within_us);
            let mut trades = order_trades(order, random);
            trades.shuffle(random);
            for trade in &trades {
                let mut line = Vec::new();
                trade.write_json(&mut line);
                values.push(serde_json::from_slice(&line).expect("JSON"));
                let copies = if random.random_bool(0.2) { 2 } else { 1 };
                for _ in 0..copies {
                    let at_us = opened_us + random.random_range(0..orders.last_us);
                    lines.push((at_us, shard_of(trade.order_id(), shards), line.clone()));
                }
            }
        }
        lines.sort();
        Market {
            shards,
            entries: pack(lines, ahead_us, random),
            over_purchased: over_purchased(&values),
        }
    }

    /// One shard, in whose middle the books of its first half end. Then comes an alert: as long as
    /// it is not out, a token says to resume in the middle.
    pub(crate) fn in_two_halves() -> Self {
        let message = |number: u32| {
            let order = format!("order-{number}");
            let trades = match number {
                11 => vec![request(&order, 0), purchase(&order, "a", 1)],
                _ => vec![purchase(&order, "a", 1)],
            };
            (if number < 10 { 1 } else { 50 }, trades)
        };
        Self::of_messages((0..20).map(message))
    }

    /// One shard, with more alerts in one message than may wait to be published. The first message
    /// is a part of the orders too, so that whoever begins behind it gets other bodies.
    pub(crate) fn with_a_flood() -> Self {
        let orders = || (0..1500).map(|order| format!("order-{order}"));
        let message = |number: u32| {
            let trades = match number {
                0 => orders().map(|order| purchase(&order, "a", 10)).collect(),
                12 => orders()
                    .flat_map(|order| [request(&order, 0), purchase(&order, "b", 5)])
                    .collect(),
                _ => vec![purchase(&format!("other-{number}"), "a", 1)],
            };
            (1, trades)
        };
        Self::of_messages((0..30).map(message))
    }

    /// The trades of each message, and the second in which it is published.
    fn of_messages(messages: impl Iterator<Item = (i64, Vec<Trade<'static>>)>) -> Self {
        let mut values = Vec::new();
        let entries = messages.map(|(second, trades)| {
            let at_us = START_US + second * 1_000_000;
            let mut body = Vec::new();
            for trade in trades {
                let begin = body.len();
                trade.write_json(&mut body);
                values.push(serde_json::from_slice(&body[begin..]).expect("JSON"));
                body.push(b'\n');
            }
            Entry {
                shard: 0,
                at_us,
                time_us: at_us,
                body,
            }
        });
        Market {
            shards: 1,
            entries: entries.collect(),
            over_purchased: over_purchased(&values),
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
    let mut trades = vec![request(&id, limit)];
    for number in 0..random.random_range(0..6) {
        let shares = random.random_range(0..50);
        trades.push(purchase(&id, &number.to_string(), shares));
    }
    trades
}

fn over_purchased(trades: &[serde_json::Value]) -> Vec<String> {
    let mut orders: Vec<_> = oracle::over_purchased(trades)
        .into_iter()
        .map(|expected| expected.order_id)
        .collect();
    orders.sort();
    orders
}

fn request(order: &str, shares: u64) -> Trade<'static> {
    Trade::Request(Request {
        id: order.to_owned().into(),
        shares,
        client: "Goldman".into(),
        stock: "AAPL".into(),
    })
}

fn purchase(order: &str, name: &str, shares: u64) -> Trade<'static> {
    Trade::Purchase(Purchase {
        id: format!("{name} for {order}").into(),
        order_id: order.to_owned().into(),
        shares,
        client: "Goldman".into(),
        stock: "AAPL".into(),
    })
}
