//! Latencies, every one of them: HDR histograms.

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

/// An hour. What takes longer counts as that.
const LONGEST_US: u64 = 3_600_000_000;

/// The quantiles that are shown, and what people call them.
pub(crate) const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Collects latencies in microseconds, to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

/// What the latencies of a run come to, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    /// How many were measured.
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    #[serde(rename = "p99.9")]
    pub(crate) p99_9: u64,
    #[serde(rename = "p99.99")]
    pub(crate) p99_99: u64,
    pub(crate) max: u64,
}

impl Latency {
    pub(crate) fn new() -> Result<Self, CreationError> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST_US, 3)?))
    }

    pub(crate) fn record(&mut self, us: u64) {
        self.0.saturating_record(us);
    }

    /// Takes in what another one has collected.
    pub(crate) fn add(&mut self, other: &Latency) {
        // They have the same bounds, so that this cannot fail.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok());
    }

    /// The value at a quantile (0.99, say), of what there is so far.
    pub(crate) fn at(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    /// `None` if nothing was measured.
    pub(crate) fn quantiles(&self) -> Option<Quantiles> {
        (!self.0.is_empty()).then(|| {
            let [p50, p90, p99, p99_9, p99_99] = QUANTILES.map(|(_, quantile)| self.at(quantile));
            Quantiles {
                count: self.0.len(),
                mean: self.0.mean(),
                p50,
                p90,
                p99,
                p99_9,
                p99_99,
                max: self.0.max(),
            }
        })
    }
}

impl Quantiles {
    /// All that is shown, from the median to the maximum.
    pub(crate) fn shown(&self) -> [u64; 6] {
        let Quantiles {
            p50,
            p90,
            p99,
            p99_9,
            p99_99,
            max,
            ..
        } = *self;
        [p50, p90, p99, p99_9, p99_99, max]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_that_was_recorded() {
        let (mut one, mut other) = (Latency::new().unwrap(), Latency::new().unwrap());
        assert_eq!(one.quantiles(), None);
        for us in 1..=500 {
            one.record(us);
            other.record(500 + us);
        }
        one.add(&other);
        let quantiles = one.quantiles().unwrap();
        assert_eq!(quantiles.count, 1000);
        assert_eq!(quantiles.shown(), [500, 900, 990, 999, 1000, 1000]);
        one.record(u64::MAX);
        assert!(one.quantiles().unwrap().max >= LONGEST_US);
    }
}
