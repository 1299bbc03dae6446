//! At most so many within any time of this length.

use std::{collections::VecDeque, str::FromStr};

/// So many within a period: "10/s", "30/m", "200/h".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) most: usize,
    pub(crate) period_ms: i64,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be a number and a time, for example \"10/s\", \"30/m\" or \"200/h\"";
        let (most, unit) = text.split_once('/').ok_or(wrong)?;
        let most = most.trim().parse().map_err(|_| wrong)?;
        let period_ms = match unit.trim() {
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong),
        };
        match most {
            1..=100_000 => Ok(Self { most, period_ms }),
            _ => Err("must be from 1 to 100000 letters"),
        }
    }
}

/// When the last ones were, no more of them than the rate's number.
#[derive(Debug)]
pub(crate) struct Window {
    rate: Rate,
    times_ms: VecDeque<i64>,
}

impl Window {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            times_ms: VecDeque::new(),
        }
    }

    /// When there is room again, if there is none now; forgets what is too old to count, and
    /// what lies ahead because the clock was set back.
    pub(crate) fn full_until(&mut self, now_ms: i64) -> Option<i64> {
        let period_ms = self.rate.period_ms;
        self.times_ms
            .retain(|at_ms| *at_ms <= now_ms && now_ms - at_ms < period_ms);
        let first_ms = self.times_ms.front()?;
        (self.room() == 0).then_some(first_ms + period_ms)
    }

    /// How many fit.
    pub(crate) fn room(&self) -> usize {
        self.rate.most.saturating_sub(self.times_ms.len())
    }

    pub(crate) fn take(&mut self, now_ms: i64) {
        self.times_ms.push_back(now_ms);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }
}
