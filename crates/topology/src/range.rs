//! `0..4`: the numbers that a repetition runs over.

/// The most numbers that one range may hold.
pub(crate) const MOST: i64 = 250_000;

/// Reads `first..end` (the end is left out) or `first..=last`.
///
/// Fails with a message when it is no range, empty, negative or too long.
pub(crate) fn read(text: &str) -> Result<std::ops::Range<i64>, String> {
    let not_a_range = || {
        format!(
            "{} is no range: write \"0..4\" for 0, 1, 2, 3",
            crate::problem::quote(text)
        )
    };
    let (first, end) = text.split_once("..").ok_or_else(not_a_range)?;
    let (end, inclusive) = end.strip_prefix('=').map_or((end, 0), |last| (last, 1));
    let number = |digits: &str| digits.trim().parse::<i64>().map_err(|_| not_a_range());
    let (first, end) = (number(first)?, number(end)?.saturating_add(inclusive));
    if first < 0 {
        return Err(format!("the range {first}..{end} begins below 0"));
    }
    let length = end.saturating_sub(first);
    if length <= 0 {
        return Err(format!(
            "the range {first}..{end} is empty: nothing would be declared"
        ));
    }
    if length > MOST {
        return Err(format!(
            "the range {first}..{end} holds {length} numbers, and {MOST} is the most"
        ));
    }
    Ok(first..end)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn ranges_are_read() {
        assert_eq!(read("0..4"), Ok(0..4));
        assert_eq!(read("1..=4"), Ok(1..5));
    }

    #[test]
    fn empty_huge_and_negative_ranges_are_refused() {
        for wrong in [
            "",
            "4",
            "0..0",
            "4..2",
            "-1..3",
            "0..1000000",
            "0..=9223372036854775807",
            "a..b",
            "0..99999999999999999999",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
