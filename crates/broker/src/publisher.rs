//! Publishing with confirms.

use std::sync::Arc;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::confirms::{self, Order};
use crate::{Error, short};

/// AMQP's delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message to publish: always persistent and mandatory.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The exchange; empty for the default one.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The body; cheap to clone.
    pub body: Bytes,
    /// MIME type of the body.
    pub content_type: Option<&'static str>,
    /// A name by which receivers can tell a repeat.
    pub message_id: Option<String>,
    /// Application headers.
    pub headers: Vec<(&'static str, Header)>,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// A 64 bit integer.
    Int(i64),
    /// A string.
    Text(String),
}

/// A channel in confirm mode with a bounded number of unconfirmed messages.
pub struct Publisher {
    orders: mpsc::UnboundedSender<Order>,
    window: Arc<Semaphore>,
}

impl Publisher {
    pub(crate) fn new(channel: lapin::Channel, window: usize) -> Self {
        // The window bounds it.
        let (orders, taken) = mpsc::unbounded_channel();
        tokio::spawn(confirms::publish(channel, taken));
        Publisher {
            orders,
            window: Arc::new(Semaphore::new(window.max(1))),
        }
    }

    /// Publishes as soon as there is room in the window. The message counts as published only
    /// when its receipt says so.
    ///
    /// # Errors
    /// When a name is too long, or the publisher's task is gone.
    pub async fn publish(&self, message: &Message) -> Result<Receipt, Error> {
        let room = Arc::clone(&self.window)
            .acquire_owned()
            .await
            .map_err(|_| closed())?;
        let (verdict, receipt) = oneshot::channel();
        let order = Order {
            exchange: short(&message.exchange)?,
            routing_key: short(&message.routing_key)?,
            body: message.body.clone(),
            properties: properties(message)?,
            verdict,
            room,
        };
        self.orders.send(order).map_err(|_| closed())?;
        Ok(Receipt { verdict: receipt })
    }
}

/// The promise of a confirm.
pub struct Receipt {
    verdict: oneshot::Receiver<Result<(), Error>>,
}

impl Receipt {
    /// Waits for the broker's word.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Returned`] when no queue has it, [`Error::Missing`] when
    /// the exchange does not exist, [`Error::Lost`] when nobody can know.
    pub async fn confirmed(self) -> Result<(), Error> {
        self.verdict.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> Error {
    Error::Lost("the publisher is closed".to_owned())
}

fn properties(message: &Message) -> Result<BasicProperties, Error> {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(content_type) = message.content_type {
        properties = properties.with_content_type(short(content_type)?);
    }
    if let Some(message_id) = &message.message_id {
        properties = properties.with_message_id(short(message_id)?);
    }
    if !message.headers.is_empty() {
        let mut headers = FieldTable::default();
        for (name, value) in &message.headers {
            let value = match value {
                Header::Int(value) => AMQPValue::LongLongInt(*value),
                Header::Text(value) => AMQPValue::LongString(value.as_str().into()),
            };
            headers.insert(short(name)?, value);
        }
        properties = properties.with_headers(headers);
    }
    Ok(properties)
}
