//! What a run must reach.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::bench::latency::{QUANTILES, Quantiles};
use crate::quantity;

/// A latency that is not to be exceeded: `p99=5ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ceiling {
    /// The place among [`QUANTILES`], the maximum behind them.
    place: usize,
    most: Duration,
}

/// A rate that is to be reached: `rate=240000`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Floor {
    least: f64,
}

impl Ceiling {
    /// Whether the latencies keep to it; nothing measured is nothing kept.
    pub(crate) fn holds(&self, latency: Option<&Quantiles>) -> bool {
        self.measured_us(latency)
            .is_some_and(|us| u128::from(us) <= self.most.as_micros())
    }

    pub(crate) fn measured_us(&self, latency: Option<&Quantiles>) -> Option<u64> {
        latency?.shown().get(self.place).copied()
    }
}

impl Floor {
    pub(crate) fn holds(&self, rate: f64) -> bool {
        rate >= self.least
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    QUANTILES.iter().map(|(name, _)| *name).chain(["max"])
}

impl FromStr for Ceiling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, most) = text
            .split_once('=')
            .ok_or("a threshold is a quantile and a time, such as p99=5ms")?;
        let place = names().position(|known| known == name).ok_or_else(|| {
            let known: Vec<_> = names().collect();
            format!("{name:?} is none of {}", known.join(", "))
        })?;
        let most = humantime::parse_duration(most)
            .map_err(|error| format!("{error}; a time has a unit, such as 5ms or 1500us"))?;
        Ok(Self { place, most })
    }
}

impl FromStr for Floor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("rate", least)) => Ok(Self {
                least: quantity::rate(least)?,
            }),
            _ => Err("a threshold is rate=TRADES, trades per second, such as rate=240k".to_owned()),
        }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = names().nth(self.place).unwrap_or_default();
        write!(out, "{name}={}", humantime::format_duration(self.most))
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "rate={}", self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_and_told_again() {
        for text in ["p50=1ms", "p99=5ms", "p99.99=1s 500ms", "max=900us"] {
            assert_eq!(text.parse::<Ceiling>().unwrap().to_string(), text);
        }
        assert_eq!("rate=240k".parse::<Floor>().unwrap().least, 240_000.0);
        for wrong in ["", "p99", "p98=1ms", "p99=5", "p99=", "rate=5ms", "P99=1ms"] {
            assert!(wrong.parse::<Ceiling>().is_err(), "{wrong}");
        }
        for wrong in ["", "rate", "rate=", "rate=-1", "p99=5", "240000"] {
            assert!(wrong.parse::<Floor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_threshold_is_met_on_the_spot_and_never_by_silence() {
        let quantiles = Quantiles {
            count: 1,
            mean: 1.0,
            p50: 1000,
            p90: 2000,
            p99: 5000,
            p99_9: 9000,
            p99_99: 9500,
            max: 10_000,
        };
        let holds = |text: &str| text.parse::<Ceiling>().unwrap().holds(Some(&quantiles));
        assert!(holds("p99=5ms") && holds("p99=6ms") && !holds("p99=4999us"));
        assert!(holds("max=10ms") && !holds("max=9ms") && holds("p99.9=9ms"));
        assert!(!"p99=5ms".parse::<Ceiling>().unwrap().holds(None));
        let floor: Floor = "rate=1000".parse().unwrap();
        assert!(floor.holds(1000.0) && !floor.holds(999.9));
    }
}
