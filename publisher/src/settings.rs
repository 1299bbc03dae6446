//! What the command line comes to.

use std::time::Duration;

use anyhow::Context;
use program::Fault;
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::disorder::{Disorder, DisorderSettings};
use crate::expectation::Expectation;
use crate::feed::{Feed, Source, State};
use crate::mix::Mix;
use crate::options::{AmountOptions, Options, To};
use crate::orders::{Amount, OrderSettings, Orders};
use crate::pace::{Pace, Schedule};
use crate::recording::Recording;

/// The most that an order may be spread over if the user does not say otherwise: in trades
/// and in seconds, so that it lies within any sensible TTL.
pub(crate) const MOST_OPEN: u64 = 1000;
pub(crate) const MOST_SPREAD_S: f64 = 5.0;

/// How much later than its duration a run at a rate may end if the broker cannot keep up.
const GRACE: Duration = Duration::from_secs(1);

/// A run, resolved.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) pace: Pace,
    pub(crate) amount: Amount,
    pub(crate) until: Option<Duration>,
    pub(crate) open_orders: u64,
    pub(crate) repeat_within: u64,
    pub(crate) prints: bool,
}

impl Settings {
    /// Resolves what was written.
    pub(crate) fn resolve(options: &Options) -> Result<Self, Fault> {
        let AmountOptions {
            rate,
            orders,
            trades,
            duration,
        } = options.amount;
        let rate = rate.filter(|rate| *rate > 0.0);
        let has_amount = orders.is_some() || trades.is_some() || duration.is_some();
        let is_endless = !has_amount && options.recorded.file.is_none();
        let is_script = is_endless
            && options.amount.rate.is_none()
            && options.output.output.is_none()
            && options.destination.to == To::FrontDoor;

        if let Some(output) = &options.output.output {
            if is_endless && output.as_os_str() != "-" {
                return Err(Fault::Usage(
                    "--output never ends without --trades, --orders, --duration or --file"
                        .to_owned(),
                ));
            }
            if rate.is_some() && options.output.time_from.is_none() {
                return Err(Fault::Usage(
                    "--output writes as fast as it goes: --rate has a meaning there only with \
                     --time-from"
                        .to_owned(),
                ));
            }
        }

        let group = options.trades.purchases + 1;
        #[allow(clippy::cast_precision_loss)]
        let pace = match (rate, options.recorded.speed.0) {
            (Some(per_second), _) => Pace::Even {
                per_second,
                group: 1,
            },
            (None, Some(multiple)) => Pace::Recorded { multiple },
            (None, None) if is_script => Pace::Even {
                per_second: group as f64,
                group,
            },
            (None, None) => Pace::Max,
        };
        let most_spread = most_spread(&pace);
        Ok(Self {
            seed: match options.trades.seed {
                Some(seed) => seed,
                // 48 bits: no two runs share their ids, and a person can still type it.
                None => OsRng.try_next_u64().context("get a random seed")? >> 16,
            },
            pace,
            amount: amount(options, rate),
            until: duration.map(|duration| match rate {
                Some(_) => duration + GRACE,
                None => duration,
            }),
            open_orders: options.trades.open_orders.unwrap_or_else(|| {
                if is_script {
                    1
                } else {
                    (most_spread / group).clamp(1, MOST_OPEN)
                }
            }),
            repeat_within: most_spread.clamp(1, MOST_OPEN),
            prints: options.output.print || is_script,
        })
    }

    /// How many trades there will be, without repeats, if that is known.
    pub(crate) fn trades(&self, options: &Options) -> Option<u64> {
        match self.amount {
            Amount::Endless => None,
            Amount::Orders(orders) => Some(orders.saturating_mul(options.trades.purchases + 1)),
            Amount::Trades(trades) => Some(trades),
        }
    }

    /// Opens what the trades come from. `shards` is 1 where it does not matter.
    pub(crate) fn feed(&self, options: &Options, shards: u32) -> Result<Feed, Fault> {
        let recorded = options.recorded.file.as_ref();
        let keeps_alerts = options.output.expect.is_some();
        // Made-up orders are forgotten as soon as they are complete; a recording's are not.
        let is_expected = recorded.is_none() || keeps_alerts;
        Ok(Feed {
            source: match recorded {
                Some(file) => Source::Recorded(Recording::open(file, shards)?),
                None => self.made(options),
            },
            most_lines: recorded.and(options.amount.trades),
            disorder: Disorder::new(DisorderSettings {
                seed: self.seed,
                shuffle: options.disorder.shuffle as usize,
                duplicate: options.disorder.duplicate,
                repeat_within: usize::try_from(self.repeat_within).unwrap_or(usize::MAX),
            }),
            schedule: Schedule::new(self.pace.clone()),
            time_from_us: options.output.time_from.map(|time_from| time_from.0),
            until_us: self
                .until
                .map(|until| u64::try_from(until.as_micros()).unwrap_or(u64::MAX)),
            shards,
            expectation: is_expected.then(|| Expectation::new(keeps_alerts)),
            state: State::default(),
        })
    }

    fn made(&self, options: &Options) -> Source {
        let clients = options.trades.clients.list("Client-");
        let stocks = options.trades.stocks.list("Stock-");
        let count = |names: &[String]| u32::try_from(names.len()).unwrap_or(u32::MAX);
        let orders = Orders::new(OrderSettings {
            seed: self.seed,
            amount: self.amount,
            purchases: options.trades.purchases,
            over_purchased: options.trades.over_purchased,
            clients: count(&clients),
            stocks: count(&stocks),
        });
        let open_orders = usize::try_from(self.open_orders).unwrap_or(usize::MAX);
        let purchases = usize::try_from(options.trades.purchases).unwrap_or(usize::MAX);
        Source::Made {
            mix: Box::new(Mix::new(orders, self.seed, open_orders, purchases)),
            clients,
            stocks,
        }
    }
}

/// How many orders there are: what is asked for, and with a rate not more than are due within
/// the duration.
fn amount(options: &Options, rate: Option<f64>) -> Amount {
    let AmountOptions {
        orders,
        trades,
        duration,
        ..
    } = options.amount;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let due = duration
        .zip(rate)
        .map(|(duration, rate)| (duration.as_secs_f64() * rate) as u64);
    match (orders, trades, due) {
        (Some(orders), _, None) => Amount::Orders(orders),
        (Some(orders), _, Some(due)) => {
            Amount::Trades(due.min(orders.saturating_mul(options.trades.purchases + 1)))
        }
        (None, Some(trades), None) => Amount::Trades(trades),
        (None, trades, Some(due)) => Amount::Trades(due.min(trades.unwrap_or(due))),
        (None, None, None) => Amount::Endless,
    }
}

/// How many trades are sent within [`MOST_SPREAD_S`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn most_spread(pace: &Pace) -> u64 {
    match pace {
        Pace::Even { per_second, .. } => (per_second * MOST_SPREAD_S) as u64,
        Pace::Max | Pace::Recorded { .. } | Pace::Planned(_) => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn resolve(options: &[&str]) -> Settings {
        let options = Options::try_parse_from([&["publisher"], options].concat()).unwrap();
        Settings::resolve(&options).unwrap()
    }

    fn is_refused(options: &[&str]) -> bool {
        let options = Options::try_parse_from([&["publisher"], options].concat());
        options.is_err() || options.is_ok_and(|options| Settings::resolve(&options).is_err())
    }

    #[test]
    fn without_options_it_is_the_challenges_script() {
        let settings = resolve(&[]);
        let pace = Pace::Even {
            per_second: 5.0,
            group: 5,
        };
        assert_eq!(settings.pace, pace);
        assert_eq!(settings.amount, Amount::Endless);
        assert_eq!(settings.open_orders, 1);
        assert!(settings.prints);
    }

    #[test]
    fn an_amount_without_a_rate_goes_as_fast_as_it_can() {
        for options in [
            &["--trades", "10"][..],
            &["--duration", "1s"],
            &["--rate", "0"],
            &["--to", "shards"],
            &["--output", "-"],
        ] {
            let settings = resolve(options);
            assert_eq!(settings.pace, Pace::Max, "{options:?}");
            assert!(!settings.prints, "{options:?}");
        }
    }

    #[test]
    fn a_rate_and_a_duration_make_a_number_of_trades() {
        let amount = |options| resolve(options).amount;
        let timed = ["--rate", "1k", "--duration", "10s"];
        assert_eq!(amount(&timed), Amount::Trades(10_000));
        let fewer = [&timed[..], &["--orders", "5"]].concat();
        assert_eq!(amount(&fewer), Amount::Trades(25));
        assert_eq!(amount(&["--duration", "10s"]), Amount::Endless);
        assert_eq!(resolve(&timed).until, Some(Duration::from_secs(11)));
    }

    #[test]
    fn at_a_low_rate_orders_stay_close_in_time() {
        assert_eq!(resolve(&["--rate", "250k"]).open_orders, 1000);
        assert_eq!(resolve(&["--rate", "100"]).open_orders, 100);
        assert_eq!(resolve(&["--rate", "0.1"]).open_orders, 1);
        assert_eq!(resolve(&["--rate", "100"]).repeat_within, 500);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for options in [
            &["--output", "trades.jsonl"][..],
            &["--output", "trades.jsonl", "--trades", "5", "--rate", "1k"],
            &["--output", "-", "--to", "shards"],
            &["--orders", "1", "--trades", "1"],
            &["--file", "-", "--over-purchased", "1%"],
            &["--speed", "1x"],
            &["--file", "-", "--speed", "1x", "--rate", "1"],
            &["--time-from", "2015-06-26T09:30:00Z", "--rate", "1"],
            &["--purchases", "0"],
            &["--batch", "0"],
        ] {
            assert!(is_refused(options), "{options:?}");
        }
    }
}
