//! An alert in words for people. Ids, clients and stocks come from strangers: nothing of them
//! reaches a line of its own, a header or a terminal as anything but visible text.

use std::fmt::Write;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trade::{Alert, OVER_PURCHASE};

/// Characters of one foreign string in a subject, and in the text.
const SUBJECT: usize = 40;
const TEXT: usize = 256;

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

/// A subject.
pub(crate) fn subject(alert: &Alert) -> String {
    let order = one_line(&alert.order_id, SUBJECT);
    let stock = one_line(&alert.stock, SUBJECT);
    if alert.kind == OVER_PURCHASE {
        let (purchased, requested) = (alert.purchased, alert.requested);
        format!("Over-purchased: order {order}, {purchased} of {requested} {stock}")
    } else {
        let kind = one_line(&alert.kind, SUBJECT);
        format!("{kind}: order {order}, {stock}")
    }
}

/// A text of some lines.
pub(crate) fn text(alert: &Alert) -> String {
    let mut text = String::with_capacity(512);
    if alert.kind == OVER_PURCHASE {
        text.push_str("More shares were bought for an order than were requested.\n\n");
    }
    let mut line = |name: &str, value: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{name:<12}{}", one_line(value, TEXT));
    };
    line("order", &alert.order_id);
    line("client", &alert.client);
    line("stock", &alert.stock);
    line("requested", &alert.requested.to_string());
    line("purchased", &alert.purchased.to_string());
    line("excess", &alert.excess.to_string());
    line("tipped by", &alert.tipped_by);
    if let Some(time) = alert.raised_time_us.and_then(utc) {
        line("at", &time);
    }
    line("kind", &alert.kind);
    line("alert", &alert.alert_id.to_string());
    text
}

fn utc(time_us: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1000).ok()?;
    time.format(&Rfc3339).ok()
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

    #[test]
    fn what_strangers_write_adds_no_line() {
        let mut alert = crate::sink::samples::alert("1");
        let lines = text(&alert).lines().count();
        alert.order_id = "1\n\nexcess      0".to_owned();
        alert.client = "\r\n".repeat(300);
        assert_eq!(text(&alert).lines().count(), lines);
        assert_eq!(subject(&alert).lines().count(), 1);
        alert.kind = "other\nkind".to_owned();
        assert_eq!(subject(&alert).lines().count(), 1);
    }

    #[test]
    fn reads_well() {
        let alert = crate::sink::samples::alert("1");
        assert_eq!(subject(&alert), "Over-purchased: order 1, 120 of 100 AAPL");
        assert!(text(&alert).contains("at          2015-06-26T00:00:00Z\n"));
    }
}
