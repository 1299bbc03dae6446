//! What a measurement sends.

use std::time::Duration;

use anyhow::Context;
use program::Fault;
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::bench::clock::micros;
use crate::bench::laps::{Laps, orders_of_a_lap};
use crate::bench::options::BenchOptions;
use crate::bench::plan::{Phase, Plan};
use crate::disorder::{Disorder, DisorderSettings};
use crate::expectation::Expectation;
use crate::feed::{Feed, Source, State};
use crate::mix::Mix;
use crate::orders::{Amount, OrderSettings, Orders};
use crate::pace::{Pace, Schedule};
use crate::ratio::Ratio;
use crate::settings::{MOST_OPEN, MOST_SPREAD_S};

/// What is measured if nobody says how long.
const TIME: Duration = Duration::from_secs(30);

/// How much later than planned a scheduled run may end if the broker cannot keep up.
const GRACE: Duration = Duration::from_secs(1);

/// Producers' seeds differ in the bits that a made-up seed leaves free.
const SEED_BITS: u32 = 48;

/// How many producers there may be.
pub(crate) const MOST_PRODUCERS: u32 = 64;

/// The trades of a run and when they are due.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) seed: u64,
    /// `None`: as fast as the broker confirms, and `--awaited` allows.
    pub(crate) plan: Option<Plan>,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
    pub(crate) producers: u32,
    /// No more is sent while so many alerts are awaited.
    pub(crate) most_awaited: Option<u64>,
    pub(crate) over_purchased: Ratio,
    pub(crate) purchases: u64,
    open_orders: u64,
}

impl Load {
    pub(crate) fn resolve(wanted: &BenchOptions) -> Result<Self, Fault> {
        let cycle: Duration = wanted.variable_rate.iter().map(|phase| phase.lasts).sum();
        let time = wanted
            .time
            .unwrap_or(match wanted.variable_rate.is_empty() {
                true => TIME,
                false => cycle,
            });
        let phases = match wanted.variable_rate.as_slice() {
            [] => &[Phase {
                per_second: wanted.rate,
                lasts: time,
            }],
            phases => phases,
        };
        let rates = phases.iter().map(|phase| phase.per_second);
        let slowest = rates.filter(|rate| *rate > 0.0).reduce(f64::min);
        if time.is_zero() || (slowest.is_none() && !wanted.variable_rate.is_empty()) {
            return Err(Fault::Usage(
                "nothing would be measured: --time is 0, or all phases are pauses".to_owned(),
            ));
        }
        if wanted.awaited.is_some() && slowest.is_some() {
            return Err(Fault::Usage(
                "--awaited is for --rate 0: what is due at a rate is sent when it is due"
                    .to_owned(),
            ));
        }
        if wanted.awaited.is_some() && wanted.over_purchased == Ratio::ZERO {
            return Err(Fault::Usage(
                "--awaited needs alerts to wait for: --over-purchased is 0".to_owned(),
            ));
        }
        Ok(Self {
            seed: match wanted.seed {
                Some(seed) => seed,
                None => OsRng.try_next_u64().context("get a random seed")? >> (64 - SEED_BITS),
            },
            plan: slowest.map(|_| Plan::new(phases, wanted.warm_up, time)),
            warm_up: wanted.warm_up,
            time,
            producers: wanted.producers,
            most_awaited: wanted.awaited.map(u64::from),
            over_purchased: wanted.over_purchased,
            purchases: wanted.purchases,
            open_orders: open_orders(slowest, wanted.purchases, wanted.producers),
        })
    }

    /// Trades per second asked for, on average over what is measured.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn asked(&self) -> Option<f64> {
        let plan = self.plan.as_ref()?;
        let measured = plan.trades() - plan.due_before(micros(self.warm_up));
        Some(measured as f64 / self.time.as_secs_f64())
    }

    /// What each producer sends.
    pub(crate) fn trades_of_all(&self, shards: u32) -> Result<Vec<Laps>, Fault> {
        let nth = 0..self.producers;
        nth.map(|nth| self.trades(nth, shards)).collect()
    }

    /// What producer `nth` (from 0) sends: as much of it as there can be in laps.
    pub(crate) fn trades(&self, nth: u32, shards: u32) -> Result<Laps, Fault> {
        let plan = self.plan.as_ref();
        let plan = plan.map(|plan| plan.part(nth, self.producers));
        let trades = plan.as_ref().map(Plan::trades);
        let until = self.warm_up + self.time;
        let until = trades.map_or(until, |_| until + GRACE);
        let warm_up = plan
            .as_ref()
            .map(|plan| plan.due_before(micros(self.warm_up)));
        let pace = plan.map_or(Pace::Max, Pace::Planned);
        let drawn = |amount| Feed {
            schedule: Schedule::new(pace),
            until_us: Some(micros(until)),
            expectation: Some(Expectation::new(true)),
            ..self.feed(nth, shards, amount)
        };
        // Fewer would be through before all that shall be open at a time is.
        let fewest = 2 * self.open_orders;
        let orders = orders_of_a_lap(self, warm_up.unwrap_or_default(), fewest);
        let in_lap = orders.map(|orders| orders * (self.purchases + 1));
        let laps = in_lap.map(|in_lap| trades.map(|trades| (trades / in_lap, trades % in_lap)));
        match (orders, laps) {
            (Some(orders), Some(laps)) if laps.is_none_or(|(whole, _)| whole > 0) => {
                let rest = laps.map_or(0, |(_, rest)| rest);
                // Other orders than those of any producer's feed.
                let lap = self.feed(nth + MOST_PRODUCERS, shards, Amount::Orders(orders));
                let feed = drawn(Amount::Trades(rest));
                Laps::new(feed, lap, laps.map(|(whole, _)| whole))
            }
            _ => Ok(Laps::none(drawn(
                trades.map_or(Amount::Endless, Amount::Trades),
            ))),
        }
    }

    /// Orders as they are asked for, all of them due at once, the `nth` of several such feeds.
    fn feed(&self, nth: u32, shards: u32, amount: Amount) -> Feed {
        let seed = self.seed ^ (u64::from(nth) << SEED_BITS);
        let orders = Orders::new(OrderSettings {
            seed,
            amount,
            purchases: self.purchases,
            over_purchased: Some(self.over_purchased),
            clients: 1,
            stocks: 1,
        });
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mix = Mix::new(orders, seed, size(self.open_orders), size(self.purchases));
        Feed {
            source: Source::Made {
                mix: Box::new(mix),
                clients: vec!["Goldman".to_owned()],
                stocks: vec!["AAPL".to_owned()],
            },
            most_lines: None,
            disorder: Disorder::new(DisorderSettings {
                seed,
                shuffle: 0,
                duplicate: Ratio::ZERO,
                repeat_within: 0,
            }),
            schedule: Schedule::new(Pace::Max),
            time_from_us: None,
            until_us: None,
            shards,
            expectation: None,
            state: State::default(),
        }
    }

    /// Trades that were planned and not sent when the time was over.
    pub(crate) fn unsent(&self, sent: u64) -> u64 {
        self.plan
            .as_ref()
            .map_or(0, |plan| plan.trades().saturating_sub(sent))
    }
}

/// As many of a producer as keep an order within a few seconds at the slowest rate.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn open_orders(slowest: Option<f64>, purchases: u64, producers: u32) -> u64 {
    let trades = slowest.unwrap_or(f64::MAX) * MOST_SPREAD_S;
    let orders = (trades / (purchases + 1) as f64) as u64;
    (orders.min(MOST_OPEN) / u64::from(producers)).max(1)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;
    use crate::feed::Next;
    use crate::options::{Command, Options};
    use crate::trades::Trades;

    pub(crate) fn load(options: &[&str]) -> Result<Load, Fault> {
        let options = [&["publisher", "bench"], options].concat();
        match Options::try_parse_from(options).unwrap().command {
            Some(Command::Bench(wanted)) => Load::resolve(&wanted),
            None => panic!("no subcommand"),
        }
    }

    #[test]
    fn producers_share_the_trades_and_draw_their_own_orders() {
        let load = load(&["-r", "1000", "-z", "2", "--warm-up", "1s", "-x", "3"]).unwrap();
        assert_eq!(load.asked(), Some(1000.0));
        let mut orders = BTreeSet::new();
        let (mut trades, mut expected) = (0, 0);
        for nth in 0..3 {
            let mut feed = load.trades(nth, 2).unwrap();
            let mut latest_us = 0;
            while let Next::Trade(given) = feed.next(3_999_999).unwrap() {
                assert!(given.due_us >= latest_us && given.due_us < 3_000_000);
                latest_us = given.due_us;
            }
            trades += feed.counts().trades;
            orders.insert(feed.json().to_vec());
            expected += feed.into_expected().unwrap().len();
        }
        assert_eq!((trades, orders.len()), (3000, 3));
        assert_eq!(expected, 6);
        assert_eq!(load.unsent(2999), 1);
    }

    #[test]
    fn what_lasts_how_long() {
        let time = |options: &[&str]| load(options).unwrap().time.as_secs();
        assert_eq!(time(&[]), 30);
        assert_eq!(time(&["-z", "7"]), 7);
        assert_eq!(
            time(&["--variable-rate", "5:2", "--variable-rate", "0:3"]),
            5
        );
        assert!(load(&["--variable-rate", "0:5"]).is_err());
        assert!(load(&["-z", "0"]).is_err());
        assert!(load(&["--awaited", "9"]).is_ok());
        assert!(load(&["--awaited", "9", "-r", "1"]).is_err());
        assert!(load(&["--awaited", "9", "--over-purchased", "0"]).is_err());
        assert_eq!(load(&[]).unwrap().asked(), None);
    }

    #[test]
    fn at_a_low_rate_orders_stay_close_in_time() {
        let open = |options: &[&str]| load(options).unwrap().open_orders;
        assert_eq!(open(&["-r", "250k"]), 1000);
        assert_eq!(open(&["-r", "250k", "-x", "4"]), 250);
        assert_eq!(open(&["-r", "100"]), 100);
        assert_eq!(open(&["-r", "0.1"]), 1);
    }
}
