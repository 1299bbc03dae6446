//! Numbers as people read them.

/// A whole number with commas: 1,070,000.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three digits that matter: 0.0312, 4.51, 17.3, 250.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        below if below < 0.0095 => format!("{number:.4}"),
        below if below < 0.095 => format!("{number:.3}"),
        below if below < 9.95 => format!("{number:.2}"),
        below if below < 99.5 => format!("{number:.1}"),
        _ => grouped(number),
    }
}

/// As on an axis: 50k, 1M.
pub(crate) fn tick(number: f64) -> String {
    match number {
        millions if millions >= 1e6 => format!("{}M", trimmed(millions / 1e6)),
        thousands if thousands >= 1e3 => format!("{}k", trimmed(thousands / 1e3)),
        _ => trimmed(number),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        let numbers = [0.0, 999.4, 1000.0, 1_070_000.0, -1234.0];
        assert_eq!(
            numbers.map(grouped),
            ["0", "999", "1,000", "1,070,000", "-1,234"]
        );
        let numbers = [0.002, 0.0312, 4.512, 17.32, 250.4, 9.96];
        assert_eq!(
            numbers.map(short),
            ["0.0020", "0.031", "4.51", "17.3", "250", "10.0"]
        );
        let numbers = [0.5, 10.0, 50_000.0, 1e6, 2.5e6];
        assert_eq!(numbers.map(tick), ["0.5", "10", "50k", "1M", "2.5M"]);
    }
}
