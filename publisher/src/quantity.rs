//! Numbers as people write them on a command line.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// Reads a count: `1000`, `1_000`, `250k`, `1M`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let (digits, scale) = if let Some(thousands) = digits.strip_suffix('k') {
        (thousands, 1000)
    } else if let Some(millions) = digits.strip_suffix('M') {
        (millions, 1_000_000)
    } else {
        (digits.as_str(), 1)
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .ok_or_else(|| "a count is a whole number, such as 1000, 250k or 1M".to_owned())
}

/// Reads counts of a range.
pub(crate) fn count_in<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: TryFrom<u64> + PartialOrd + Display + Clone,
{
    move |text| {
        let number = N::try_from(count(text)?).ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("must be from {} to {}", range.start(), range.end()))
    }
}

/// Reads a rate per second: a count, or with a fraction (`0.5`).
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    #[allow(clippy::cast_precision_loss)]
    let number = count(text)
        .map(|count| count as f64)
        .or_else(|_| text.parse::<f64>());
    match number {
        Ok(rate) if rate == 0.0 || (1e-6..=1e9).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of trades per second, such as 1000, 250k or 0.5".to_owned()),
    }
}

/// Reads a multiple of the recorded speed: `1x`, `10x`, `0.5`, or `max`, which is none.
pub(crate) fn speed(text: &str) -> Result<Option<f64>, String> {
    if text == "max" {
        return Ok(None);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(multiple) if (1e-6..=1e6).contains(&multiple) => Ok(Some(multiple)),
        _ => Err("a speed is a multiple such as 1x, 10x or 0.5x, or max".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_suffixes() {
        assert_eq!(count("1000"), Ok(1000));
        assert_eq!(count("1_000"), Ok(1000));
        assert_eq!(count("250k"), Ok(250_000));
        assert_eq!(count("1M"), Ok(1_000_000));
        for wrong in ["", "k", "-1", "1.5", "1kk", "20000000000000M"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_have_bounds() {
        let ten = count_in(1..=10_000_u32);
        assert_eq!(ten("10k"), Ok(10_000));
        for wrong in ["0", "10_001", "5000M"] {
            assert_eq!(ten(wrong), Err("must be from 1 to 10000".to_owned()));
        }
        assert!(ten("many").unwrap_err().contains("whole number"));
    }

    #[test]
    fn rates_have_fractions() {
        assert_eq!(rate("250k"), Ok(250_000.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("0"), Ok(0.0));
        for wrong in ["", "-1", "inf", "NaN", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn speeds_are_multiples() {
        assert_eq!(speed("1x"), Ok(Some(1.0)));
        assert_eq!(speed("0.5"), Ok(Some(0.5)));
        assert_eq!(speed("max"), Ok(None));
        for wrong in ["", "x", "0x", "-1x", "infx"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
