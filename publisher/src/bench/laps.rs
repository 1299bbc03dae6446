//! The trades of a measurement, made before they are needed.
//!
//! Drawing orders, writing JSON and asking the oracle takes half a core at 250,000 trades/s, which
//! the broker and the auditors on the same machine miss, and most of all when the publisher has to
//! catch up. So one lap of orders is drawn before the run, written down, and shown to the oracle.
//! The run sends it again and again, each time under new ids: the last digits of every order id
//! and purchase id are the number of the lap. What does not fill a lap is drawn while it is sent,
//! as `publisher` does it always, and goes first: into the warm-up, if there is one, as no lap is
//! longer than that.

use std::ops::Range;

use anyhow::{Context, anyhow};
use oracle::{Expected, Oracle};
use program::Fault;
use trade::shard_of;
use uuid::Uuid;

use crate::bench::load::Load;
use crate::expectation::Expectation;
use crate::feed::{Counts, Feed, Given, Next, Over};
use crate::trades::Trades;

/// The laps of all producers have so many trades at most: they are made in a moment, and take some
/// 40 MB.
const LAP_TRADES: u64 = 250_000;

/// How many digits of an id tell the lap.
const LAP_DIGITS: usize = 8;

/// A trade's own id begins here: `{"id":"`.
const ID_AT: usize = 7;
/// The digits of a UUID and the dashes between them.
const ID_LENGTH: usize = 36;
/// The order id of a purchase begins here: behind its own id and `","initial_order_id":"`.
const ORDER_ID_AT: usize = ID_AT + ID_LENGTH + 22;

/// Trades of a run: first those of a feed, then laps, as long as there are any.
pub(crate) struct Laps {
    feed: Feed,
    feed_has_ended: bool,
    lap: Option<Lap>,
    /// Laps that are to be sent; `None` is no end.
    planned: Option<u64>,
    /// Which one is being sent, from 0, and the place of its next trade.
    number: u64,
    at: usize,
    /// When the next trade is due, if that was asked for.
    next_due_us: Option<u64>,
    /// Where the trade given last stands, if it was one of a lap.
    given: Option<Range<usize>>,
    counts: Counts,
}

/// Orders that are complete by themselves, mixed and written down.
struct Lap {
    text: Vec<u8>,
    lines: Vec<Line>,
    orders: u64,
    /// Its purchases of orders that are over-purchased, by their place.
    over: Vec<(usize, Over)>,
    /// Which of these is next.
    next_over: usize,
    /// What the oracle expects of a whole lap.
    expected: Vec<Expected>,
}

/// Where a trade stands.
#[derive(Debug, Clone, Copy)]
struct Line {
    begins: usize,
    ends: usize,
    is_purchase: bool,
}

/// How many orders make a lap of a producer: so many that the over-purchased part of each lap, and
/// so of a run, is exact; not more trades than `warm_up_trades`, if there is a warm-up, so that what
/// does not fill a lap is not measured; and at least `fewest`. `None` when there is no such number.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn orders_of_a_lap(load: &Load, warm_up_trades: u64, fewest: u64) -> Option<u64> {
    let most_trades = LAP_TRADES / u64::from(load.producers);
    let most_trades = match warm_up_trades {
        0 => most_trades,
        trades => most_trades.min(trades),
    };
    let most = most_trades / (load.purchases + 1);
    let is_exact = |orders: &u64| {
        let over = *orders as f64 * load.over_purchased.get();
        (over - over.round()).abs() < 1e-6
    };
    (fewest.max(1)..=most).rev().find(is_exact)
}

impl Laps {
    /// All trades come from `feed`.
    pub(crate) fn none(feed: Feed) -> Self {
        Self {
            feed,
            feed_has_ended: false,
            lap: None,
            planned: None,
            number: 0,
            at: 0,
            next_due_us: None,
            given: None,
            counts: Counts::default(),
        }
    }

    /// Sends what `feed` has, then `planned` laps (`None`: without end) of what `lap` has.
    pub(crate) fn new(feed: Feed, mut lap: Feed, planned: Option<u64>) -> Result<Self, Fault> {
        Ok(Self {
            lap: Some(Lap::of(&mut lap)?),
            planned,
            ..Self::none(feed)
        })
    }

    /// The alerts that must come of what was sent. Takes about a second, and asks the oracle.
    pub(crate) fn into_expected(self) -> Result<Vec<Expected>, Fault> {
        let mut all = self
            .feed
            .expectation
            .and_then(|expectation| Expectation::into_expected(expectation).1)
            .unwrap_or_default();
        if let Some(lap) = self.lap {
            for number in 0..self.number {
                all.extend(lap.expected.iter().map(|alert| renamed(alert, number)));
            }
            // Its ids are this lap's already.
            all.extend(expected_of(lap.lines_until(self.at))?);
        }
        Ok(all)
    }

    /// The next trade of the laps.
    fn next_of_lap(&mut self, now_us: u64) -> Next {
        let Some(lap) = &mut self.lap else {
            return Next::End;
        };
        if self.at == lap.lines.len() {
            self.number += 1;
            self.at = 0;
            lap.next_over = 0;
        }
        if self.planned.is_some_and(|planned| self.number >= planned) {
            return Next::End;
        }
        let due_us = match self.next_due_us.take() {
            Some(due_us) => due_us,
            None => self.feed.schedule.next_due_us(None),
        };
        if due_us > now_us {
            self.next_due_us = Some(due_us);
            return Next::At(due_us);
        }
        let Some((line, order_id)) = lap.write(self.at, self.number) else {
            return Next::End;
        };
        let shard = match self.feed.shards {
            1 => 0,
            shards => std::str::from_utf8(order_id).map_or(0, |id| shard_of(id, shards)),
        };
        let over = lap.over_at(self.at, self.number);
        self.counts.trades += 1;
        self.counts.orders += u64::from(!line.is_purchase);
        self.given = Some(line.begins..line.ends);
        self.at += 1;
        Next::Trade(Given {
            shard,
            due_us,
            over,
        })
    }
}

impl Trades for Laps {
    fn next(&mut self, now_us: u64) -> Result<Next, Fault> {
        if !self.feed_has_ended {
            let next = self.feed.next(now_us)?;
            if next != Next::End || self.feed.is_over(now_us) {
                return Ok(next);
            }
            self.feed_has_ended = true;
        }
        if self.is_over(now_us) {
            return Ok(Next::End);
        }
        Ok(self.next_of_lap(now_us))
    }

    fn json(&self) -> &[u8] {
        match (&self.given, &self.lap) {
            (Some(given), Some(lap)) => lap.text.get(given.clone()).unwrap_or_default(),
            _ => self.feed.json(),
        }
    }

    fn is_over(&self, now_us: u64) -> bool {
        self.feed.is_over(now_us)
    }

    fn until_us(&self) -> Option<u64> {
        self.feed.until_us
    }

    fn since_us(&self, due_us: u64, now_us: u64) -> u64 {
        self.feed.schedule.since_us(due_us, now_us)
    }

    fn counts(&self) -> Counts {
        let drawn = self.feed.counts();
        Counts {
            trades: drawn.trades + self.counts.trades,
            orders: drawn.orders + self.counts.orders,
            ..drawn
        }
    }

    async fn arrived(&mut self) {
        self.feed.arrived().await;
    }
}

impl Lap {
    /// Writes down all that `feed` has.
    fn of(feed: &mut Feed) -> Result<Self, Fault> {
        let mut lap = Self {
            text: Vec::new(),
            lines: Vec::new(),
            orders: 0,
            over: Vec::new(),
            next_over: 0,
            expected: Vec::new(),
        };
        while let Next::Trade(given) = feed.next(0)? {
            let begins = lap.text.len();
            lap.text.extend_from_slice(feed.json());
            if let Some(over) = given.over {
                lap.over.push((lap.lines.len(), over));
            }
            let orders = feed.counts().orders;
            lap.lines.push(Line {
                begins,
                ends: lap.text.len(),
                is_purchase: orders == lap.orders,
            });
            lap.orders = orders;
        }
        lap.check()?;
        lap.expected = expected_of(lap.lines_until(lap.lines.len()))?;
        Ok(lap)
    }

    /// Makes sure that ids stand where they are looked for.
    fn check(&self) -> Result<(), Fault> {
        let has_id = |text: &[u8], id_at: usize| {
            let id = text.get(id_at..id_at + ID_LENGTH);
            id.is_some_and(|id| Uuid::try_parse_ascii(id).is_ok())
        };
        for (line, text) in self.lines.iter().zip(self.lines_until(self.lines.len())) {
            if !has_id(text, ID_AT) || line.is_purchase && !has_id(text, ORDER_ID_AT) {
                let text = String::from_utf8_lossy(text);
                return Err(anyhow!("make the trades: no id where it belongs in {text}").into());
            }
        }
        Ok(())
    }

    /// The first `count` trades, as they stand now.
    fn lines_until(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let lines = self.lines.iter().take(count);
        lines.filter_map(|line| self.text.get(line.begins..line.ends))
    }

    /// Writes the lap's number into the ids of a trade; gives where it stands and its order id.
    fn write(&mut self, at: usize, number: u64) -> Option<(Line, &[u8])> {
        let line = *self.lines.get(at)?;
        let text = self.text.get_mut(line.begins..line.ends)?;
        let digits = digits(number);
        stamp(text, ID_AT, digits)?;
        let order_id_at = match line.is_purchase {
            true => ORDER_ID_AT,
            false => ID_AT,
        };
        stamp(text, order_id_at, digits)?;
        let order_id = text.get(order_id_at..order_id_at + ID_LENGTH)?;
        Some((line, order_id))
    }

    /// What is known of the trade at this place if its order is over-purchased. To be asked for
    /// each trade of a lap in turn.
    fn over_at(&mut self, at: usize, number: u64) -> Option<Over> {
        let (_, over) = self
            .over
            .get(self.next_over)
            .filter(|(place, _)| *place == at)?;
        self.next_over += 1;
        Some(Over {
            order_id: in_lap(over.order_id, number),
            purchase_id: in_lap(over.purchase_id, number),
            tips: over.tips,
        })
    }
}

/// What the oracle says of trades that it reads by itself.
fn expected_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Expected>, Fault> {
    let mut oracle = Oracle::new();
    for line in lines {
        oracle.see(&serde_json::from_slice(line).context("show a trade to the oracle")?);
    }
    Ok(oracle.into_expected())
}

/// The same alert of another lap.
fn renamed(alert: &Expected, number: u64) -> Expected {
    let mut order_id = alert.order_id.clone();
    order_id.truncate(ID_LENGTH - LAP_DIGITS);
    order_id.extend(digits(number).map(char::from));
    Expected {
        order_id,
        ..alert.clone()
    }
}

/// An id as it is in this lap.
fn in_lap(id: Uuid, number: u64) -> Uuid {
    let digits = (1 << (4 * LAP_DIGITS)) - 1;
    Uuid::from_u128(id.as_u128() & !digits | u128::from(number) & digits)
}

/// The last digits of the ids of a lap.
fn digits(number: u64) -> [u8; LAP_DIGITS] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    std::array::from_fn(|place| {
        let digit = number >> (4 * (LAP_DIGITS - 1 - place)) & 0xf;
        DIGITS.get(digit as usize).copied().unwrap_or(b'0')
    })
}

/// Writes the last digits of the id that begins at `id_at`.
fn stamp(text: &mut [u8], id_at: usize, digits: [u8; LAP_DIGITS]) -> Option<()> {
    let end = id_at + ID_LENGTH;
    let place = text.get_mut(end - LAP_DIGITS..end)?;
    place.copy_from_slice(&digits);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use oracle::over_purchased;
    use serde_json::Value;

    use super::*;
    use crate::bench::load::tests::load;

    /// All trades of a run of `seconds` at this rate, each read by itself.
    fn trades(laps: &mut Laps) -> Vec<Value> {
        let mut trades = Vec::new();
        while let Next::Trade(given) = laps.next(u64::MAX - 1).unwrap() {
            let trade: Value = serde_json::from_slice(laps.json()).unwrap();
            let order = trade.get("initial_order_id").unwrap_or(&trade["id"]);
            if let Some(over) = given.over {
                assert_eq!(order, &over.order_id.to_string());
                assert_eq!(trade["id"], over.purchase_id.to_string());
            }
            assert_eq!(given.shard, shard_of(order.as_str().unwrap(), 4));
            trades.push(trade);
        }
        trades
    }

    fn laps(options: &[&str]) -> Laps {
        let mut laps = load(options).unwrap().trades(0, 4).unwrap();
        laps.feed.until_us = None;
        laps
    }

    #[test]
    fn every_lap_has_ids_of_its_own_and_the_alerts_of_the_oracle() {
        let mut laps = laps(&["--rate", "100k", "--time", "4", "--warm-up", "2s"]);
        assert_eq!(laps.planned, Some(3));
        let trades = trades(&mut laps);
        assert_eq!(trades.len(), 600_000);
        assert_eq!(laps.counts().trades, 600_000);
        assert_eq!(laps.counts().orders, 120_000);
        let ids: BTreeSet<_> = trades.iter().map(|trade| trade["id"].as_str()).collect();
        assert_eq!(ids.len(), trades.len());
        let mut expected = laps.into_expected().unwrap();
        expected.sort();
        assert_eq!(expected.len(), 1200);
        assert_eq!(expected, over_purchased(&trades));
    }

    #[test]
    fn what_is_expected_of_a_run_that_stops_is_what_was_sent() {
        for until_us in [500_000, 1_500_000, 3_800_000, 5_123_456] {
            let mut laps = laps(&["--rate", "100k", "--time", "6", "--warm-up", "0s"]);
            laps.feed.until_us = Some(until_us);
            let mut given = Vec::new();
            while let Next::Trade(_) = laps.next(until_us - 1).unwrap() {
                given.push(serde_json::from_slice(laps.json()).unwrap());
            }
            assert_eq!(
                given.len() as u64,
                until_us / 10 + u64::from(until_us % 10 > 0)
            );
            let mut expected = laps.into_expected().unwrap();
            expected.sort();
            assert_eq!(expected, over_purchased(&given));
        }
    }

    #[test]
    fn a_lap_is_exact_or_there_is_none() {
        let orders = |options: &[&str], warm_up_trades| {
            let load = load(options).unwrap();
            orders_of_a_lap(&load, warm_up_trades, 500)
        };
        assert_eq!(orders(&[], 0), Some(50_000));
        assert_eq!(orders(&["--over-purchased", "0"], 0), Some(50_000));
        assert_eq!(orders(&["--over-purchased", "0.37%"], 0), Some(50_000));
        assert_eq!(orders(&["--over-purchased", "0.003%"], 0), None);
        assert_eq!(orders(&["--over-purchased", "0.0001%"], 0), None);
        assert_eq!(orders(&["-x", "4"], 0), Some(12_500));
        assert_eq!(orders(&["-x", "64", "--purchases", "9"], 0), None);
        // Orders of so many trades that they are not mixed.
        assert_eq!(orders(&["--purchases", "10000"], 0), None);
        // Not longer than the warm-up.
        assert_eq!(orders(&[], 60_000), Some(12_000));
        assert_eq!(orders(&[], 2000), None);
    }

    #[test]
    fn what_is_drawn_meanwhile_is_not_measured() {
        for rate in ["20k", "50k", "250k", "333333"] {
            let laps = laps(&["--rate", rate, "--time", "10", "--warm-up", "3s"]);
            let trades: f64 = crate::quantity::rate(rate).unwrap() * 13.0;
            let in_laps = laps.planned.unwrap() * laps.lap.unwrap().lines.len() as u64;
            assert!(trades as u64 - in_laps <= trades as u64 * 3 / 13, "{rate}");
        }
        // Short runs have no laps.
        assert!(laps(&["--rate", "100", "--time", "10"]).lap.is_none());
    }

    #[test]
    fn without_a_rate_laps_go_on_until_the_time_is_over() {
        let mut laps = laps(&["--time", "1"]);
        laps.feed.until_us = Some(100);
        for _ in 0..LAP_TRADES + 10 {
            assert!(matches!(laps.next(99), Ok(Next::Trade(_))));
        }
        assert_eq!(laps.number, 1);
        assert_eq!(laps.next(100).unwrap(), Next::End);
    }
}
