//! The fields of a trade, out of JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// The fields of a trade as they stand, each checked when the trade is put together, so that
/// every fault of a field has a name and JSON's own errors remain for what is not JSON.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) id: Option<Value<'a>>,
    pub(crate) order_id: Option<Value<'a>>,
    pub(crate) shares: Option<Value<'a>>,
    pub(crate) client: Option<Value<'a>>,
    pub(crate) stock: Option<Value<'a>>,
    pub(crate) time: Option<Value<'a>>,
    pub(crate) repeated: Option<&'static str>,
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
pub(crate) enum Kind {
    Object,
    Other,
}

/// Reads a JSON value on the top level, and fills in the fields of an object where they are:
/// moving them about would cost a tenth of reading them.
pub(crate) struct Top<'f, 'a>(pub(crate) &'f mut Fields<'a>);

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
