//! Reading recorded trades, which may carry their time.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Trade;
use crate::fields::Value;
use crate::plain::{Time, read_plain};
use crate::read::{Unreadable, parse};

/// Reads one trade of a file, and its `time` if it carries one: RFC 3339, or whole microseconds
/// since the epoch. The time comes out in microseconds since the epoch.
///
/// # Errors
/// [`Unreadable`] says which rule the bytes break.
pub fn read_recorded(bytes: &[u8]) -> Result<(Trade<'_>, Option<i64>), Unreadable> {
    match read_plain_recorded(bytes) {
        Some(recorded) => Ok(recorded),
        None => judge_recorded(bytes),
    }
}

/// [`read_recorded`] of what is written plainly.
pub(crate) fn read_plain_recorded(bytes: &[u8]) -> Option<(Trade<'_>, Option<i64>)> {
    let plain = read_plain(bytes)?;
    let time_us = match plain.time {
        None => None,
        Some(Time::Micros(micros)) => Some(i64::try_from(micros).ok()?),
        Some(Time::Text(text)) => Some(micros_of(text)?),
    };
    Some((plain.trade(), time_us))
}

/// Reads a recorded trade however it is written, and says what is wrong with it.
pub(crate) fn judge_recorded(bytes: &[u8]) -> Result<(Trade<'_>, Option<i64>), Unreadable> {
    let mut fields = parse(bytes)?;
    let time_us = match fields.time.take() {
        None => None,
        Some(Value::Unsigned(micros)) => Some(i64::try_from(micros).map_err(|_| Unreadable::Time)?),
        Some(Value::Negative(micros)) => Some(micros),
        Some(Value::Text(text)) => Some(micros_of(&text).ok_or(Unreadable::Time)?),
        Some(Value::Float(_) | Value::Other) => return Err(Unreadable::Time),
    };
    Ok((fields.into_trade()?, time_us))
}

/// The first line of a file without the byte order mark that some systems begin UTF-8 with: it
/// belongs to the file and not to the trade.
#[must_use]
pub fn without_byte_order_mark(first_line: &[u8]) -> &[u8] {
    first_line
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(first_line)
}

fn micros_of(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(time: &str) -> Result<Option<i64>, Unreadable> {
        let line = format!(r##"{{"id":"1","#shares":1,"client":"c","stock":"s"{time}}}"##);
        read_recorded(line.as_bytes()).map(|(_, time)| time)
    }

    #[test]
    fn time_is_rfc_3339_or_microseconds() {
        assert_eq!(time_of(""), Ok(None));
        assert_eq!(
            time_of(r#","time":1435276800000001"#),
            Ok(Some(1_435_276_800_000_001))
        );
        assert_eq!(time_of(r#","time":-1"#), Ok(Some(-1)));
        assert_eq!(
            time_of(r#","time":"2015-06-26T02:00:00.000001+02:00""#),
            Ok(Some(1_435_276_800_000_001))
        );
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        assert_eq!(without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_byte_order_mark(b"\xef\xbb{}"), b"\xef\xbb{}");
        assert_eq!(without_byte_order_mark(b"{}"), b"{}");
    }

    #[test]
    fn any_other_time_is_refused() {
        for time in ["null", "1.5", "\"yesterday\"", "18446744073709551615", "[]"] {
            assert_eq!(
                time_of(&format!(",\"time\":{time}")),
                Err(Unreadable::Time),
                "{time}"
            );
        }
    }
}
