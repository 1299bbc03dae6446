//! Deliveries.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use lapin::types::AMQPValue;

use crate::Error;

/// Where in a stream to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// With the oldest message there is.
    First,
    /// With the newest chunk of messages.
    Last,
    /// With what is published from now on.
    Next,
    /// With this message, or the oldest if it has been dropped already.
    At(u64),
}

/// A consumer's deliveries. Ends when the broker cancels it; an error says that channel or
/// connection are gone.
pub struct Deliveries {
    inner: lapin::Consumer,
}

impl Deliveries {
    pub(crate) fn new(inner: lapin::Consumer) -> Self {
        Deliveries { inner }
    }
}

impl Stream for Deliveries {
    type Item = Result<Delivery, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(context).map(|next| {
            next.map(|delivery| {
                delivery
                    .map(|inner| Delivery { inner })
                    .map_err(Error::from)
            })
        })
    }
}

/// One message, delivered.
pub struct Delivery {
    inner: lapin::message::Delivery,
}

impl Delivery {
    pub(crate) fn got(message: lapin::message::BasicGetMessage) -> Self {
        Self {
            inner: message.delivery,
        }
    }

    /// What [`crate::Channel::ack`] takes.
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.inner.delivery_tag
    }

    /// The message's body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.inner.data
    }

    /// Takes the body out.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.inner.data
    }

    /// The exchange that it was published to.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.inner.exchange.as_str()
    }

    /// The key that it was published with.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.inner.routing_key.as_str()
    }

    /// Whether it may have been delivered before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.inner.redelivered
    }

    /// The publisher's name for the message, if it gave one.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.inner
            .properties
            .message_id()
            .as_ref()
            .map(lapin::types::ShortString::as_str)
    }

    /// Its place in the stream, if it comes from one.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.integer("x-stream-offset")
            .and_then(|offset| u64::try_from(offset).ok())
    }

    /// A header that is an integer of any width.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.header(name)? {
            AMQPValue::ShortShortInt(value) => Some(i64::from(*value)),
            AMQPValue::ShortShortUInt(value) => Some(i64::from(*value)),
            AMQPValue::ShortInt(value) => Some(i64::from(*value)),
            AMQPValue::ShortUInt(value) => Some(i64::from(*value)),
            AMQPValue::LongInt(value) => Some(i64::from(*value)),
            AMQPValue::LongUInt(value) => Some(i64::from(*value)),
            AMQPValue::LongLongInt(value) => Some(*value),
            _ => None,
        }
    }

    /// A header that is a string, as text; what is not UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.header(name)? {
            AMQPValue::LongString(value) => {
                Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
            AMQPValue::ShortString(value) => Some(value.as_str().to_owned()),
            _ => None,
        }
    }

    fn header(&self, name: &str) -> Option<&AMQPValue> {
        self.inner.properties.headers().as_ref()?.inner().get(name)
    }
}
