//! What is in the log: orders whose trades lie within one TTL, in any order, some repeated.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trade::{Purchase, Request, Trade};

/// How long books stay open, in microseconds.
pub(crate) const TTL_US: i64 = 60_000_000;

/// When the log begins, in microseconds since the epoch.
const START_US: i64 = 1_700_000_000_000_000;

/// One message of the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// When it is appended, on the true clock.
    pub(crate) at_us: i64,
    /// What its publisher's clock shows then.
    pub(crate) time_us: i64,
    pub(crate) body: Vec<u8>,
}

/// A day's trades.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) entries: Vec<Entry>,
    over_purchased: Vec<String>,
}

impl Market {
    /// The market of a seed. One of three publishers has a clock that is ahead by some
    /// microseconds of that range.
    pub(crate) fn generate(seed: u64, ahead_us: Range<i64>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let ahead_us = random.random_range(ahead_us);
        let mut lines: Vec<(i64, Vec<u8>)> = Vec::new();
        let mut values = Vec::new();
        for order in 0..random.random_range(5..40) {
            let opened_us = START_US + random.random_range(0..4 * TTL_US);
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
                    lines.push((at_us, line.clone()));
                }
            }
        }
        lines.sort();
        let mut entries: Vec<Entry> = Vec::new();
        for (at_us, line) in lines {
            let publisher_is_ahead = random.random_range(0..3) == 0;
            let time_us = at_us + if publisher_is_ahead { ahead_us } else { 0 };
            match entries.last_mut() {
                Some(last) if random.random_bool(0.3) && at_us - last.at_us < 500_000 => {
                    last.body.push(b'\n');
                    last.body.extend(line);
                }
                _ => entries.push(Entry {
                    at_us,
                    time_us,
                    body: line,
                }),
            }
        }
        let mut over_purchased: Vec<_> = oracle::over_purchased(&values)
            .into_iter()
            .map(|expected| expected.order_id)
            .collect();
        over_purchased.sort();
        Market {
            entries,
            over_purchased,
        }
    }

    /// The orders that must alert, sorted.
    pub(crate) fn over_purchased(&self) -> Vec<String> {
        self.over_purchased.clone()
    }
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
