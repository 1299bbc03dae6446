//! Reading a trade that is written plainly, in one pass.
//!
//! Nearly every trade is an object of the known fields, each there once, with nothing escaped.
//! Such a one is read here, in less than half the time that the general reader takes. Whatever is not
//! surely of this kind is left to that reader, which alone decides what is wrong with it: nothing
//! is accepted here that it refuses, and nothing is read otherwise.

use std::borrow::Cow;

use crate::read::{MAX_ID_BYTES, MAX_TRADE_BYTES};
use crate::{Purchase, Request, Trade};

/// The fields of a trade that is written plainly.
pub(crate) struct Plain<'a> {
    id: &'a str,
    order_id: Option<&'a str>,
    shares: u64,
    client: &'a str,
    stock: &'a str,
    pub(crate) time: Option<Time<'a>>,
}

impl<'a> Plain<'a> {
    #[inline]
    pub(crate) fn trade(&self) -> Trade<'a> {
        let shares = self.shares;
        let [id, client, stock] = [self.id, self.client, self.stock].map(Cow::Borrowed);
        match self.order_id.map(Cow::Borrowed) {
            None => Trade::Request(Request {
                id,
                shares,
                client,
                stock,
            }),
            Some(order_id) => Trade::Purchase(Purchase {
                id,
                order_id,
                shares,
                client,
                stock,
            }),
        }
    }
}

/// The `time` of a recorded trade as it is written, not judged.
#[derive(Clone, Copy)]
pub(crate) enum Time<'a> {
    Micros(u64),
    Text(&'a str),
}

/// Reads a trade that is written plainly; `None` if this one may be written in another way, or be
/// no trade at all.
#[inline]
pub(crate) fn read_plain(bytes: &[u8]) -> Option<Plain<'_>> {
    if bytes.len() > MAX_TRADE_BYTES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut begin = Rest::<true> { text, bytes };
    begin.skip_space();
    let (plain, mut rest) = read_object(begin)?;
    rest.skip_space();
    rest.bytes.is_empty().then_some(plain)
}

/// A line with nothing but a trade that is written plainly.
pub(crate) struct Line<'a> {
    pub(crate) plain: Plain<'a>,
    /// The bytes of the trade, without white space around them.
    pub(crate) raw: &'a [u8],
    /// What is behind the line's end.
    pub(crate) rest: &'a [u8],
}

/// Reads the first line of `bytes`, which are the end of `text`, without a search for the line's
/// end; `None` if it may be something else than [`Line`] says.
#[inline]
pub(crate) fn read_plain_line<'a>(text: &'a str, bytes: &'a [u8]) -> Option<Line<'a>> {
    let mut begin = Rest::<false> { text, bytes };
    begin.skip_space();
    let from = begin.bytes;
    let (plain, mut rest) = read_object(begin)?;
    let raw = from.get(..from.len() - rest.bytes.len())?;
    rest.skip_space();
    let rest = match rest.bytes {
        [] => &[],
        [b'\n', behind @ ..] => behind,
        _ => return None,
    };
    (raw.len() <= MAX_TRADE_BYTES).then_some(Line { plain, raw, rest })
}

/// Reads a trade that begins here, and gives what is behind its closing brace.
#[inline(always)]
fn read_object<const OVER_LINES: bool>(
    mut rest: Rest<'_, OVER_LINES>,
) -> Option<(Plain<'_>, Rest<'_, OVER_LINES>)> {
    let mut members = Members::default();
    rest.take(b"{")?;
    loop {
        rest.skip_space();
        members.take_next(&mut rest)?;
        rest.skip_space();
        if rest.take(b",").is_none() {
            break;
        }
    }
    rest.take(b"}")?;
    Some((members.into_plain()?, rest))
}

/// The members of the object that were found so far.
#[derive(Default)]
struct Members<'a> {
    id: Option<&'a str>,
    order_id: Option<&'a str>,
    shares: Option<u64>,
    client: Option<&'a str>,
    stock: Option<&'a str>,
    time: Option<Time<'a>>,
}

impl<'a> Members<'a> {
    /// Takes a name and its value.
    #[inline(always)]
    fn take_next<const OVER_LINES: bool>(&mut self, rest: &mut Rest<'a, OVER_LINES>) -> Option<()> {
        // Names are compared with their quotes: an escaped one is not among these.
        let text = match rest.bytes.get(1)? {
            b'i' if rest.take(b"\"id\"").is_some() => &mut self.id,
            b'i' => {
                rest.take(b"\"initial_order_id\"")?;
                &mut self.order_id
            }
            b'#' => {
                rest.take(b"\"#shares\"")?;
                rest.take_colon()?;
                return once(&mut self.shares, rest.take_number()?);
            }
            b'c' => {
                rest.take(b"\"client\"")?;
                &mut self.client
            }
            b's' => {
                rest.take(b"\"stock\"")?;
                &mut self.stock
            }
            _ => {
                rest.take(b"\"time\"")?;
                rest.take_colon()?;
                return once(&mut self.time, rest.take_time()?);
            }
        };
        rest.take_colon()?;
        once(text, rest.take_string()?)
    }

    #[inline]
    fn into_plain(self) -> Option<Plain<'a>> {
        let is_short = |id: &&str| id.len() <= MAX_ID_BYTES;
        if !self.order_id.iter().all(is_short) {
            return None;
        }
        Some(Plain {
            id: self.id.filter(is_short)?,
            order_id: self.order_id,
            shares: self.shares?,
            client: self.client?,
            stock: self.stock?,
            time: self.time,
        })
    }
}

/// Sets a field that must not be there twice.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// What is still to be read of a trade, which may be spread over several lines or not.
struct Rest<'a, const OVER_LINES: bool> {
    /// The whole text, of which `bytes` is the end.
    text: &'a str,
    bytes: &'a [u8],
}

impl<'a, const OVER_LINES: bool> Rest<'a, OVER_LINES> {
    /// Passes over what JSON calls white space.
    #[inline]
    fn skip_space(&mut self) {
        while let [space @ (b' ' | b'\t' | b'\n' | b'\r'), behind @ ..] = self.bytes
            && (OVER_LINES || *space != b'\n')
        {
            self.bytes = behind;
        }
    }

    #[inline]
    fn take<const LENGTH: usize>(&mut self, token: &[u8; LENGTH]) -> Option<()> {
        self.bytes = self.bytes.strip_prefix(token)?;
        Some(())
    }

    #[inline]
    fn take_colon(&mut self) -> Option<()> {
        self.skip_space();
        self.take(b":")?;
        self.skip_space();
        Some(())
    }

    #[inline(always)]
    fn take_string(&mut self) -> Option<&'a str> {
        self.take(b"\"")?;
        let begin = self.text.len() - self.bytes.len();
        let length = plain_length(self.bytes)?;
        self.bytes = self.bytes.get(length..)?;
        self.take(b"\"")?;
        self.text.get(begin..begin + length)
    }

    /// Takes an integer of 0 to 2^64-1. What makes another number of it, a point or an exponent,
    /// is left there, and is not what may follow a value.
    #[inline]
    fn take_number(&mut self) -> Option<u64> {
        // JSON has no leading zeros.
        if matches!(self.bytes, [b'0', b'0'..=b'9', ..]) {
            return None;
        }
        let before = self.bytes.len();
        let mut number = 0_u64;
        while let [digit @ b'0'..=b'9', behind @ ..] = self.bytes {
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            self.bytes = behind;
        }
        (self.bytes.len() < before).then_some(number)
    }

    #[inline]
    fn take_time(&mut self) -> Option<Time<'a>> {
        if self.bytes.first() == Some(&b'"') {
            self.take_string().map(Time::Text)
        } else {
            self.take_number().map(Time::Micros)
        }
    }
}

/// How many bytes there are before the first that ends a string or its plainness; `None` if there
/// is no such byte.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    // Nearly all ids are UUIDs. One needs no search, and what follows need not wait for its result.
    if let Some((uuid, [b'"', ..])) = bytes.split_first_chunk::<UUID_BYTES>()
        && !uuid.iter().fold(false, |any, byte| any | is_end(*byte))
    {
        return Some(UUID_BYTES);
    }
    let (words, tail) = bytes.as_chunks::<8>();
    for (nth, word) in words.iter().enumerate() {
        let ends = ends_of(u64::from_le_bytes(*word));
        if ends != 0 {
            return Some(nth * 8 + ends.trailing_zeros() as usize / 8);
        }
    }
    let in_tail = tail.iter().position(|byte| is_end(*byte))?;
    Some(words.len() * 8 + in_tail)
}

/// The length of a UUID as text.
const UUID_BYTES: usize = 36;

/// Whether it is a quote, or a byte that the strings of JSON have only escaped, or the escape.
/// Written so that the compiler can look at many bytes at once.
fn is_end(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// Marks, by its highest bit, the lowest of eight bytes that [`is_end`]. Bytes above it may be
/// marked wrongly. (The bit tricks are `haszero` and `hasless` of Sean Eron Anderson's collection.)
#[inline]
fn ends_of(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    const fn each(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let quote = word ^ each(b'"');
    let backslash = word ^ each(b'\\');
    let found = quote.wrapping_sub(ONES) & !quote
        | backslash.wrapping_sub(ONES) & !backslash
        | word.wrapping_sub(each(b' ')) & !word;
    found & HIGHS
}

#[cfg(test)]
mod tests;
