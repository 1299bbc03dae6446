//! Messages as the witness takes them.

use anyhow::{Context, Result};
use lapin::message::Delivery;
use lapin::types::AMQPValue;
use serde_json::Value;

/// A message that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its body.
    pub body: Vec<u8>,
    /// The exchange that it was published to.
    pub exchange: String,
    /// With this routing key.
    pub routing_key: String,
    /// Its headers by name, as JSON.
    pub headers: serde_json::Map<String, Value>,
    /// Its `message_id`.
    pub message_id: Option<String>,
}

impl Message {
    /// Its body as JSON.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| String::from_utf8_lossy(&self.body).into_owned())
    }

    /// A header's text, or its number in decimal; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        match self.headers.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }
}

impl From<Delivery> for Message {
    fn from(delivery: Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let headers = headers
            .map(|table| table.inner().iter())
            .into_iter()
            .flatten();
        Self {
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), json(value)))
                .collect(),
            message_id: delivery
                .properties
                .message_id()
                .as_ref()
                .map(ToString::to_string),
            body: delivery.data,
        }
    }
}

fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::LongString(text) => text.to_string().into(),
        AMQPValue::ShortString(text) => text.to_string().into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongUInt(number) => (*number).into(),
        AMQPValue::Boolean(yes) => (*yes).into(),
        other => format!("{other:?}").into(),
    }
}
