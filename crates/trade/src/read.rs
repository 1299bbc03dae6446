//! Reading one trade.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

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

/// The fields of a trade as they stand, each checked when the trade is put together, so that
/// every fault of a field has a name and JSON's own errors remain for what is not JSON.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    id: Option<Value<'a>>,
    order_id: Option<Value<'a>>,
    shares: Option<Value<'a>>,
    client: Option<Value<'a>>,
    stock: Option<Value<'a>>,
    pub(crate) time: Option<Value<'a>>,
    repeated: Option<&'static str>,
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

/// One JSON value of a field that a trade may have.
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Other,
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
                Ok(Value::Unsigned(number))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
                Ok(u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
                Ok(Value::Float(number))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }
            fn visit_unit<E>(self) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
                while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

/// What a JSON value on the top level is.
enum Kind {
    Object,
    Other,
}

/// Reads a JSON value on the top level, and fills in the fields of an object where they are:
/// moving them about would cost a tenth of reading them.
struct Top<'f, 'a>(&'f mut Fields<'a>);

impl<'de> DeserializeSeed<'de> for Top<'_, 'de> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, 'de> {
    type Value = Kind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let fields = self.0;
        while let Some(name) = entries.next_key::<Name>()? {
            let (name, slot) = match name {
                Name::Id => ("id", &mut fields.id),
                Name::OrderId => ("initial_order_id", &mut fields.order_id),
                Name::Shares => ("#shares", &mut fields.shares),
                Name::Client => ("client", &mut fields.client),
                Name::Stock => ("stock", &mut fields.stock),
                Name::Time => ("time", &mut fields.time),
                Name::Unknown => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if slot.replace(entries.next_value()?).is_some() {
                fields.repeated.get_or_insert(name);
            }
        }
        Ok(Kind::Object)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Kind::Other)
    }
    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Other)
    }
}

/// The names of a trade's fields.
enum Name {
    Id,
    OrderId,
    Shares,
    Client,
    Stock,
    Time,
    Unknown,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyName;
        impl Visitor<'_> for AnyName {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a field name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(match name {
                    "id" => Name::Id,
                    "initial_order_id" => Name::OrderId,
                    "#shares" => Name::Shares,
                    "client" => Name::Client,
                    "stock" => Name::Stock,
                    "time" => Name::Time,
                    _ => Name::Unknown,
                })
            }
        }
        deserializer.deserialize_str(AnyName)
    }
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
    }
}
