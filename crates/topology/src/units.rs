//! Sizes and times as people write them.

/// A number of bytes: `64MiB`, `500MB`, `1GiB`, `1000`.
pub(crate) fn bytes(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    with_unit(text, &UNITS)
}

/// A number of milliseconds: `250ms`, `30s`, `5m`, `2h`, `7d`, `1000`.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 5] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    with_unit(text, &UNITS)
}

/// Whether this is a stream's age as the broker reads it: a number and one of Y M D h m s.
pub(crate) fn is_age(text: &str) -> bool {
    let digits = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']);
    digits.is_some_and(|digits| {
        (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn with_unit(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{bytes, is_age, milliseconds};

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("64MiB"), Some(67_108_864));
        assert_eq!(bytes("500 MB"), Some(500_000_000));
        assert_eq!(bytes("7"), Some(7));
        for wrong in ["", "MiB", "-1", "1.5GB", "1XB", "9999999999TB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read() {
        assert_eq!(milliseconds("30s"), Some(30_000));
        assert_eq!(milliseconds("250ms"), Some(250));
        assert_eq!(milliseconds("1w"), None);
    }

    #[test]
    fn ages_are_the_brokers() {
        assert!(is_age("7D") && is_age("12h"));
        assert!(!is_age("7d") && !is_age("D") && !is_age("7") && !is_age("1D2h"));
    }
}
