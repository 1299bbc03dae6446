//! Reading the many trades of one message.

use memchr::{memchr, memchr_iter};
use serde::de::IgnoredAny;

use crate::Trade;
use crate::plain::{Line, read_plain_line};
use crate::read::{MAX_TRADE_BYTES, Unreadable, read};

/// How many lines one trade may be spread over. Bounds what is read again behind each line that
/// opens an object and does not close it, so that no body takes more than 64 times its length.
const MAX_TRADE_LINES: usize = 64;

/// One trade of a batch, or what stands in its place.
#[derive(Debug, PartialEq)]
pub struct Item<'a> {
    /// The line of the body that it begins on, counted from 1.
    pub line: u64,
    /// Its bytes, whole, without white space around them.
    pub raw: &'a [u8],
    /// The trade, or why it is none.
    pub trade: Result<Trade<'a>, Unreadable>,
}

/// The trades of a message, in order. See [`read_batch`].
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// The whole body, if it is UTF-8.
    text: Option<&'a str>,
    rest: &'a [u8],
    line: u64,
}

/// Reads a body of one trade a line. Blank lines are passed over, CRLF ends a line as LF does,
/// and a trade may also be spread over several lines, as a pretty-printing client writes it.
/// What cannot be read takes its own line only.
#[must_use]
pub fn read_batch(body: &[u8]) -> Batch<'_> {
    Batch {
        text: std::str::from_utf8(body).ok(),
        rest: body,
        line: 0,
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let Some(Line { plain, raw, rest }) =
            self.text.and_then(|text| read_plain_line(text, self.rest))
        else {
            return self.next_of_any_kind();
        };
        self.rest = rest;
        self.line += 1;
        Some(Item {
            line: self.line,
            raw,
            trade: Ok(plain.trade()),
        })
    }
}

impl<'a> Batch<'a> {
    /// The next item, however it is written.
    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Option<Item<'a>> {
        while !self.rest.is_empty() {
            let here = self.rest;
            let raw = self.take_line().trim_ascii();
            let line = self.line;
            if raw.is_empty() {
                continue;
            }
            let mut item = Item {
                line,
                raw,
                trade: read(raw),
            };
            if matches!(item.trade, Err(Unreadable::NotJson(_)))
                && let Some(length) = spread_object(here)
            {
                let (spread, _) = here.split_at(length);
                while here.len() - self.rest.len() < length {
                    self.take_line();
                }
                item.raw = spread.trim_ascii();
                item.trade = read(item.raw);
            }
            return Some(item);
        }
        None
    }

    /// The same, each line looked for first and read by itself.
    #[cfg(test)]
    pub(crate) fn by_lines(self) -> Self {
        Batch { text: None, ..self }
    }

    /// Takes a line and the newline behind it; gives the line.
    fn take_line(&mut self) -> &'a [u8] {
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        self.line += 1;
        line
    }
}

/// The length of the object that begins on the first line of `bytes`, ends on a later one, and
/// has nothing but white space behind it on that one.
fn spread_object(bytes: &[u8]) -> Option<usize> {
    let first_line = memchr(b'\n', bytes)?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let window_end = memchr_iter(b'\n', bytes)
        .nth(MAX_TRADE_LINES)
        .unwrap_or(bytes.len())
        .min(MAX_TRADE_BYTES);
    let window = bytes.get(..window_end)?;
    let mut values = serde_json::Deserializer::from_slice(window).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let end = values.byte_offset();
    let behind = bytes.get(end..)?;
    let tail = behind.get(..memchr(b'\n', behind).unwrap_or(behind.len()))?;
    (end > first_line && tail.trim_ascii().is_empty()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r##"{"id":"1","#shares":1,"client":"c","stock":"s"}"##;
    const SPREAD: &str =
        "{\n  \"id\": \"1\",\r\n  \"#shares\": 1,\n\n  \"client\": \"c\",\n  \"stock\": \"s\"\n}";

    fn outcome(body: &str) -> Vec<(u64, Result<String, &'static str>)> {
        read_batch(body.as_bytes())
            .map(|item| {
                let id = item.trade.map(|trade| trade.id().to_owned());
                (item.line, id.map_err(|error| error.reason()))
            })
            .collect()
    }

    #[test]
    fn one_a_line_with_blank_lines_and_crlf() {
        let body = format!("\r\n{ONE}\r\n\n \t\n{ONE}\n\n{ONE}");
        let one = || Ok("1".to_owned());
        assert_eq!(outcome(&body), [(2, one()), (5, one()), (7, one())]);
        assert_eq!(outcome(""), []);
        assert_eq!(outcome("\n\r\n  "), []);
    }

    #[test]
    fn an_unreadable_line_takes_only_itself() {
        let body = format!("{ONE}\nhello\n{{\"id\":\n{ONE}\n{{\n{ONE}\n");
        let lines: Vec<_> = outcome(&body)
            .into_iter()
            .map(|(line, o)| (line, o.is_ok()))
            .collect();
        assert_eq!(
            lines,
            [
                (1, true),
                (2, false),
                (3, false),
                (4, true),
                (5, false),
                (6, true)
            ]
        );
    }

    #[test]
    fn a_trade_may_be_spread_over_lines() {
        let body = format!("{SPREAD}\n{ONE}\n{SPREAD}\r\n{SPREAD} x\n");
        let outcomes = outcome(&body);
        let readable: Vec<_> = outcomes
            .iter()
            .filter(|(_, o)| o.is_ok())
            .map(|(l, _)| *l)
            .collect();
        assert_eq!(readable, [1, 8, 9]);
        let raw: Vec<_> = read_batch(body.as_bytes()).map(|item| item.raw).collect();
        assert_eq!(raw[0], SPREAD.as_bytes());
    }

    #[test]
    fn a_hostile_body_is_read_in_bounded_time() {
        let body = "{\"a\":\n".repeat(200_000);
        assert_eq!(read_batch(body.as_bytes()).count(), 200_000);
    }
}
