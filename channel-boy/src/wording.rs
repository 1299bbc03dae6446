//! An alert in words for people. Ids, clients and stocks come from strangers: nothing of them
//! reaches a line of its own, a header or a terminal as anything but visible text.

mod fields;
mod sample;
pub(crate) mod segment;
mod template;

pub(crate) use sample::{sample, test_alert};
pub(crate) use template::{Style, Template};

/// Text on one line, of at most `limit` characters: whatever could break the line, move the
/// cursor or turn the direction of writing becomes U+FFFD.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            )
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line: String = text
        .chars()
        .take(limit)
        .map(|c| if harmful(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(limit).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let hostile = "a\r\nBcc: x\u{2028}y\u{0}\u{1b}[2J\u{202e}z\t";
        let line = one_line(hostile, 100);
        assert_eq!(
            line,
            "a\u{fffd}\u{fffd}Bcc: x\u{fffd}y\u{fffd}\u{fffd}[2J\u{fffd}z\u{fffd}"
        );
        assert_eq!(one_line("ééé", 2), "éé…");
        assert_eq!(one_line("ééé", 3), "ééé");
    }
}
