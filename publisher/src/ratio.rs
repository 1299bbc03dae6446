//! Shares of a whole.

use std::str::FromStr;

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio(f64);

impl Ratio {
    pub(crate) const ZERO: Ratio = Ratio(0.0);

    pub(crate) fn get(self) -> f64 {
        self.0
    }

    /// Whether it falls on the `index`-th of a row (from 0): on evenly spread ones, and among
    /// the first n on exactly n times the ratio, rounded.
    pub(crate) fn falls_on(self, index: u64) -> bool {
        self.of(index + 1) > self.of(index)
    }

    // Counts stay far below 2^52, where f64 is exact.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn of(self, count: u64) -> u64 {
        (count as f64 * self.0).round() as u64
    }
}

impl FromStr for Ratio {
    type Err = String;

    /// Reads `0.01` or `1%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (text, 1.0),
        };
        match number.trim().parse::<f64>() {
            Ok(number) if (0.0..=scale).contains(&number) => Ok(Ratio(number / scale)),
            _ => Err("a ratio is a number from 0 to 1, or a percentage such as 1%".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_on_exactly_its_part() {
        for (text, of, expected) in [
            ("0.29", 100, 29),
            ("1%", 200_000, 2000),
            ("0", 1000, 0),
            ("1", 1000, 1000),
            ("0.5", 7, 4),
        ] {
            let ratio: Ratio = text.parse().unwrap();
            let found = (0..of).filter(|&index| ratio.falls_on(index)).count();
            assert_eq!(found, expected, "{text} of {of}");
        }
    }

    #[test]
    fn is_read_as_number_or_percentage() {
        assert_eq!("0.25".parse(), Ok(Ratio(0.25)));
        assert_eq!("25%".parse(), Ok(Ratio(0.25)));
        for wrong in ["", "2", "-0.1", "101%", "NaN", "many"] {
            assert!(wrong.parse::<Ratio>().is_err(), "{wrong}");
        }
    }
}
