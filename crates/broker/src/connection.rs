//! Connections and channels.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{Stream, StreamExt};
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicNackOptions, ConfirmSelectOptions};
use lapin::options::{BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{ConnectionProperties, DefaultConnectionBuilder, Event};
use tokio_util::sync::CancellationToken;

use crate::consumer::{Deliveries, Delivery, Offset};
use crate::publisher::Publisher;
use crate::{Endpoint, Error, short};

/// How long a good-bye may take: a broker that blocks does not hear it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pauses between tries: doubling from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A connection. Publish and consume on separate ones: an alarm blocks publishers only.
pub struct Connection {
    inner: lapin::Connection,
}

/// A channel. An error of the protocol closes it: take one for each thing that may fail.
#[derive(Clone)]
pub struct Channel {
    pub(crate) inner: lapin::Channel,
}

/// What a passive declaration tells. A quorum queue whose leader does not answer within 250 ms is
/// said to have neither messages nor consumers (`rabbit_quorum_queue:stat/2`, RabbitMQ 3.10 and 4.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// Messages ready for delivery.
    pub messages: u32,
    /// Consumers; on a queue with a single active one, only that one counts.
    pub consumers: u32,
}

impl QueueStatus {
    /// Neither messages nor consumers, or no answer.
    pub const NOTHING: Self = Self {
        messages: 0,
        consumers: 0,
    };
}

/// Connects, once. `name` is shown in the broker's list of connections.
///
/// # Errors
/// [`Error::Lost`] when there is no broker, [`Error::Denied`] when it does not let us in.
pub async fn connect(endpoint: &Endpoint, name: &str) -> Result<Connection, Error> {
    let tried = try_to_connect(endpoint, name).await;
    tried.map_err(|error| endpoint.name_in(error))
}

/// Connects, once; what is wrong is said with a program's flags as the remedy.
async fn try_to_connect(endpoint: &Endpoint, name: &str) -> Result<Connection, Error> {
    let tried = try_once(endpoint, name).await;
    tried.map_err(|error| match (error.is_of_a_stranger(), error) {
        (_, Error::Denied(words)) => Error::Denied(format!(
            "{words} (broker {endpoint}; user, password and vhost are those of --amqp-url or \
             ALDEBARAN_AMQP_URL)"
        )),
        (_, Error::Lost(words)) if words.contains("native certificates") => Error::Denied(format!(
            "{words}: this system has no certificates of its own, which TLS needs even with \
             --tls-ca: install the package ca-certificates"
        )),
        (true, Error::Lost(words)) => Error::Lost(format!(
            "{words}: if its authority is your own, --tls-ca names the file of its certificates"
        )),
        (_, error) => error,
    })
}

/// Connects, once.
pub(crate) async fn try_once(endpoint: &Endpoint, name: &str) -> Result<Connection, Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let builder = DefaultConnectionBuilder::new()?
        .with_uri(endpoint.uri.clone())
        .with_tls_config(endpoint.tls())
        .with_properties(properties);
    match tokio::time::timeout(endpoint.timeout, Box::pin(builder.connect())).await {
        Ok(Ok(inner)) => {
            tokio::spawn(say_when_blocked(
                endpoint.to_string(),
                inner.events_listener(),
            ));
            Ok(Connection { inner })
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Error::Lost(format!(
            "no answer within {:?}",
            endpoint.timeout
        ))),
    }
}

/// Connects, and waits for a broker that is not there: with growing pauses, said once for
/// all who wait for the same one. `None` when `stop` was cancelled first.
///
/// # Errors
/// What waiting does not mend: credentials, permissions, a vhost that does not exist.
pub async fn connect_patiently(
    endpoint: &Endpoint,
    name: &str,
    stop: &CancellationToken,
) -> Result<Option<Connection>, Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        let tried = tokio::select! {
            tried = try_to_connect(endpoint, name) => tried,
            () = stop.cancelled() => return Ok(None),
        };
        match tried {
            Ok(connection) => {
                if endpoint.is_awaited.swap(false, Ordering::Relaxed) {
                    tracing::info!(broker = %endpoint, "connected again");
                }
                return Ok(Some(connection));
            }
            Err(Error::Lost(cause)) => {
                if !endpoint.is_awaited.swap(true, Ordering::Relaxed) {
                    tracing::warn!(broker = %endpoint, cause, "waiting for the broker");
                }
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Ok(None),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Says when an alarm of the broker (memory, disk) blocks a connection's publishing, and when no
/// longer. Ends with the connection.
async fn say_when_blocked(broker: String, events: impl Stream<Item = Event>) {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(
                    broker,
                    reason,
                    "the broker blocks publishing; it is waited for"
                );
            }
            Event::ConnectionUnblocked => tracing::info!(broker, "the broker takes messages again"),
            _ => {}
        }
    }
}

impl Connection {
    /// A new channel.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn channel(&self) -> Result<Channel, Error> {
        Ok(Channel {
            inner: self.inner.create_channel().await?,
        })
    }

    /// A publisher with a channel of its own and at most `window` unconfirmed messages.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn publisher(&self, window: usize) -> Result<Publisher, Error> {
        let channel = self.inner.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Publisher::new(channel, window))
    }

    /// Fails unless it may have so many channels at a time: the broker's `channel_max`, by
    /// default 2047. `what` needs them.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the remedy.
    pub fn has_channels(&self, needed: usize, what: &str) -> Result<(), Error> {
        let allowed = usize::from(self.inner.configuration().channel_max());
        if needed <= allowed {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "{what} need up to {needed} channels on a connection and it allows {allowed}: set \
             channel_max = {needed} in its rabbitmq.conf"
        )))
    }

    /// Whether it still stands.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.status().connected()
    }

    /// Says good-bye to the broker. A connection that is gone already is closed.
    pub async fn close(self) {
        let closing = self.inner.close(200, lapin::types::ShortString::default());
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl Channel {
    /// Consumes a queue with at most `prefetch` unacknowledged deliveries; from `from` if it is
    /// a stream.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such queue, and what else the broker answers.
    pub async fn consume(
        &self,
        queue: &str,
        tag: &str,
        prefetch: u16,
        from: Option<Offset>,
    ) -> Result<Deliveries, Error> {
        self.inner
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let mut arguments = FieldTable::default();
        if let Some(offset) = from {
            arguments.insert("x-stream-offset".into(), offset.into());
        }
        let consumer = self
            .inner
            .basic_consume(
                short(queue)?,
                short(tag)?,
                BasicConsumeOptions::default(),
                arguments,
            )
            .await?;
        Ok(Deliveries::new(consumer))
    }

    /// Consumes a queue that never holds a message, to be seen as its consumer; with `alone`
    /// nobody else may be one. Classic queues only: a quorum queue lets others in all the same.
    ///
    /// # Errors
    /// [`Error::Denied`] when somebody else is its consumer and either wants to be alone.
    pub async fn attend(&self, queue: &str, tag: &str, alone: bool) -> Result<Deliveries, Error> {
        let options = BasicConsumeOptions {
            exclusive: alone,
            ..BasicConsumeOptions::default()
        };
        let consumer = self
            .inner
            .basic_consume(short(queue)?, short(tag)?, options, FieldTable::default())
            .await?;
        Ok(Deliveries::new(consumer))
    }

    /// Takes one message out of a queue, if there is one; it waits for an acknowledgement.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such queue; when the channel is gone.
    pub async fn get(&self, queue: &str) -> Result<Option<Delivery>, Error> {
        let got = self
            .inner
            .basic_get(short(queue)?, BasicGetOptions::default())
            .await?;
        Ok(got.map(Delivery::got))
    }

    /// Ends a consumer: what is delivered and not acknowledged stays so until the channel ends.
    ///
    /// # Errors
    /// When the channel is gone.
    pub async fn cancel(&self, tag: &str) -> Result<(), Error> {
        Ok(self
            .inner
            .basic_cancel(short(tag)?, BasicCancelOptions::default())
            .await?)
    }

    /// Acknowledges a delivery, or with `multiple` it and all before it.
    ///
    /// # Errors
    /// When the channel is gone.
    pub async fn ack(&self, delivery_tag: u64, multiple: bool) -> Result<(), Error> {
        Ok(self
            .inner
            .basic_ack(delivery_tag, BasicAckOptions { multiple })
            .await?)
    }

    /// Gives a delivery back: to the queue, or, without `requeue`, to its dead-letter exchange.
    ///
    /// # Errors
    /// When the channel is gone.
    pub async fn nack(&self, delivery_tag: u64, requeue: bool) -> Result<(), Error> {
        let options = BasicNackOptions {
            multiple: false,
            requeue,
        };
        Ok(self.inner.basic_nack(delivery_tag, options).await?)
    }

    /// Asks after a queue without creating it.
    ///
    /// # Errors
    /// [`Error::Missing`] when it does not exist; the channel is closed then.
    pub async fn queue_status(&self, queue: &str) -> Result<QueueStatus, Error> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .inner
            .queue_declare(short(queue)?, options, FieldTable::default())
            .await?;
        Ok(QueueStatus {
            messages: queue.message_count(),
            consumers: queue.consumer_count(),
        })
    }

    /// Closes the channel, giving back what was not acknowledged.
    pub async fn close(self) {
        let _ = self
            .inner
            .close(200, lapin::types::ShortString::default())
            .await;
    }
}

impl From<Offset> for AMQPValue {
    fn from(offset: Offset) -> Self {
        match offset {
            Offset::First => AMQPValue::LongString("first".into()),
            Offset::Last => AMQPValue::LongString("last".into()),
            Offset::Next => AMQPValue::LongString("next".into()),
            // The broker reads it as a signed integer; offsets never get near its end.
            Offset::At(offset) => AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX)),
        }
    }
}
