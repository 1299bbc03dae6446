//! Reading one trade.

use std::borrow::Cow;

use serde::de::DeserializeSeed;

use crate::fields::{Fields, Kind, Top, Value};
use crate::plain::read_plain;
use crate::{Purchase, Request, Trade};

/// The longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 256;

/// The largest trade, in bytes as written on the wire.
pub const MAX_TRADE_BYTES: usize = 64 * 1024;

/// Why bytes are not a trade.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// More bytes than [`MAX_TRADE_BYTES`].
    #[error("{bytes} bytes long, a trade has at most {MAX_TRADE_BYTES}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field that a trade needs is not there.
    #[error("no field `{0}`")]
    MissingField(&'static str),
    /// A field of a trade is there twice.
    #[error("field `{0}` is there twice")]
    RepeatedField(&'static str),
    /// A field that must be a string is not one.
    #[error("field `{0}` is not a string")]
    NotAString(&'static str),
    /// An id is longer than [`MAX_ID_BYTES`].
    #[error("field `{0}` is longer than {MAX_ID_BYTES} bytes")]
    IdTooLong(&'static str),
    /// `#shares` is no whole number of 0 to 2^64-1.
    #[error("field `#shares` is {0}")]
    Shares(&'static str),
    /// `time` of a recorded trade is neither RFC 3339 nor microseconds since the epoch.
    #[error("field `time` is neither RFC 3339 nor whole microseconds since the epoch")]
    Time,
}

impl Unreadable {
    /// A short, stable word for headers and counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Unreadable::TooLarge { .. } => "too-large",
            Unreadable::NotUtf8 { .. } => "not-utf8",
            Unreadable::NotJson(_) => "not-json",
            Unreadable::NotAnObject => "not-an-object",
            Unreadable::MissingField(_) => "missing-field",
            Unreadable::RepeatedField(_) => "repeated-field",
            Unreadable::NotAString(_) => "not-a-string",
            Unreadable::IdTooLong(_) => "id-too-long",
            Unreadable::Shares(_) => "bad-shares",
            Unreadable::Time => "bad-time",
        }
    }
}

/// Reads one trade: a JSON object with `id`, `#shares`, `client` and `stock`, and, if it is a
/// purchase, `initial_order_id`. Other fields are passed over. Strings without escapes are
/// borrowed from `bytes`.
///
/// # Errors
/// [`Unreadable`] says which rule the bytes break.
pub fn read(bytes: &[u8]) -> Result<Trade<'_>, Unreadable> {
    match read_plain(bytes) {
        Some(plain) => Ok(plain.trade()),
        None => judge(bytes),
    }
}

/// Reads one trade however it is written, and says what is wrong with it.
pub(crate) fn judge(bytes: &[u8]) -> Result<Trade<'_>, Unreadable> {
    parse(bytes)?.into_trade()
}

/// Parses the fields of an object without judging them.
pub(crate) fn parse(bytes: &[u8]) -> Result<Fields<'_>, Unreadable> {
    if bytes.len() > MAX_TRADE_BYTES {
        return Err(Unreadable::TooLarge { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let mut fields = Fields::default();
    let mut json = serde_json::Deserializer::from_str(text);
    match Top(&mut fields)
        .deserialize(&mut json)
        .and_then(|top| json.end().map(|()| top))
    {
        Ok(Kind::Object) => Ok(fields),
        Ok(Kind::Other) => Err(Unreadable::NotAnObject),
        Err(error) => Err(Unreadable::NotJson(error.to_string())),
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn into_trade(self) -> Result<Trade<'a>, Unreadable> {
        if let Some(field) = self.repeated {
            return Err(Unreadable::RepeatedField(field));
        }
        let id = id_of("id", self.id)?;
        let order_id = match self.order_id {
            None => None,
            some => Some(id_of("initial_order_id", some)?),
        };
        let shares = match self.shares {
            None => return Err(Unreadable::MissingField("#shares")),
            Some(Value::Unsigned(shares)) => shares,
            Some(Value::Negative(_)) => return Err(Unreadable::Shares("negative")),
            Some(Value::Float(number)) => return Err(Unreadable::Shares(fault_of(number))),
            Some(Value::Text(_) | Value::Other) => return Err(Unreadable::Shares("not a number")),
        };
        let client = text_of("client", self.client)?;
        let stock = text_of("stock", self.stock)?;
        Ok(match order_id {
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
        })
    }
}

/// JSON numbers that are no integers of 64 bits arrive as floats.
fn fault_of(number: f64) -> &'static str {
    if number < 0.0 || (number == 0.0 && number.is_sign_negative()) {
        "negative"
    } else if number.fract() == 0.0 && number > 9e15 {
        "beyond 18446744073709551615"
    } else {
        "not written as a whole number"
    }
}

fn text_of<'a>(field: &'static str, value: Option<Value<'a>>) -> Result<Cow<'a, str>, Unreadable> {
    match value {
        Some(Value::Text(text)) => Ok(text),
        Some(_) => Err(Unreadable::NotAString(field)),
        None => Err(Unreadable::MissingField(field)),
    }
}

fn id_of<'a>(field: &'static str, value: Option<Value<'a>>) -> Result<Cow<'a, str>, Unreadable> {
    let id = text_of(field, value)?;
    if id.len() > MAX_ID_BYTES {
        return Err(Unreadable::IdTooLong(field));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        read(text.as_bytes()).unwrap_err().reason()
    }

    #[test]
    fn reads_the_trades_of_the_challenge() {
        let request = read(br##"{"id":"1","#shares":100,"client":"Sendence","stock":"AAPL"}"##);
        assert!(matches!(request, Ok(Trade::Request(r)) if r.id == "1" && r.shares == 100));
        let purchase = read(
            br##"{"id":"2","initial_order_id":"1","#shares":90,"client":"Sendence","stock":"AAPL"}"##,
        );
        assert!(matches!(purchase, Ok(Trade::Purchase(p)) if p.order_id == "1" && p.id == "2"));
    }

    #[test]
    fn legal_json_is_read_however_it_is_written() {
        let text = "\t{ \"stock\" : \"A\\u0041PL\" ,\r\n \"\\u0069d\":\"\\\"\\n\", \"more\":[{},null],\"client\":\"\u{e9}\", \"#shares\" : 18446744073709551615 }\r";
        let trade = read(text.as_bytes()).unwrap();
        let Trade::Request(request) = trade else {
            panic!("a request")
        };
        assert_eq!(request.id, "\"\n");
        assert_eq!(request.stock, "AAPL");
        assert_eq!(request.client, "\u{e9}");
        assert_eq!(request.shares, u64::MAX);
    }

    #[test]
    fn every_fault_has_its_reason() {
        let with = |id: &str, shares: &str| {
            format!(r##"{{"id":{id},"#shares":{shares},"client":"c","stock":"s"}}"##)
        };
        assert_eq!(reason("hello"), "not-json");
        assert_eq!(reason(""), "not-json");
        assert_eq!(reason("[1,2]"), "not-an-object");
        assert_eq!(reason("null"), "not-an-object");
        assert_eq!(reason("{}"), "missing-field");
        assert_eq!(reason(r#"{"id":"1"}"#), "missing-field");
        assert_eq!(reason(&with("1", "1")), "not-a-string");
        assert_eq!(reason(&with("null", "1")), "not-a-string");
        assert_eq!(reason(&with("\"1\"", "-1")), "bad-shares");
        assert_eq!(reason(&with("\"1\"", "-0")), "bad-shares");
        assert_eq!(reason(&with("\"1\"", "1.5")), "bad-shares");
        assert_eq!(reason(&with("\"1\"", "1.0")), "bad-shares");
        assert_eq!(reason(&with("\"1\"", "18446744073709551616")), "bad-shares");
        assert_eq!(reason(&with("\"1\"", "\"1\"")), "bad-shares");
        assert_eq!(reason(&with("\"1\",\"id\":\"2\"", "1")), "repeated-field");
        assert_eq!(
            reason(&with("\"1\",\"initial_order_id\":null", "1")),
            "not-a-string"
        );
        assert_eq!(
            reason(&with(&format!("\"{}\"", "x".repeat(257)), "1")),
            "id-too-long"
        );
        assert_eq!(read(b"{\"id\":\"\xff\"}").unwrap_err().reason(), "not-utf8");
        assert_eq!(reason(&" ".repeat(MAX_TRADE_BYTES + 1)), "too-large");
        assert!(read(with(&format!("\"{}\"", "x".repeat(256)), "0").as_bytes()).is_ok());
        assert!(read(with("\"\"", "0").as_bytes()).is_ok());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let trade = Trade::Purchase(Purchase {
            id: "p\"\\\u{1}\u{7f}é".into(),
            order_id: "\n".into(),
            shares: u64::MAX,
            client: "".into(),
            stock: "AAPL".into(),
        });
        let mut bytes = Vec::new();
        trade.write_json(&mut bytes);
        assert!(!bytes.contains(&b'\n'));
        assert_eq!(read(&bytes).unwrap(), trade);
        for character in (0..=0x2000).filter_map(char::from_u32) {
            let stock = format!("A{character}B");
            let request = Trade::Request(Request {
                id: "1".into(),
                shares: 1,
                client: "c".into(),
                stock: stock.as_str().into(),
            });
            bytes.clear();
            request.write_json(&mut bytes);
            let stock = serde_json::to_string(&stock).unwrap();
            let by_serde = format!(r##"{{"id":"1","#shares":1,"client":"c","stock":{stock}}}"##);
            assert_eq!(bytes, by_serde.as_bytes());
        }
    }
}
