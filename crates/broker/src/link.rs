//! The seam between a program and its broker: what is needed to read, publish and acknowledge.
//!
//! Two kinds of broker stand behind it: the real one, and one in memory that a seeded scheduler
//! crashes, delays and cuts off. Code on this side of the seam is generic, so that calling the
//! real one costs nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::Stream;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::publisher::{Message, Publisher, Receipt};
use crate::{
    Channel, Connection, Deliveries, Delivery, Endpoint, Error, Offset, QueueStatus,
    connect_patiently,
};

/// What a process has around it: a broker, threads, a clock.
pub trait Host: Clone + Send + Sync + 'static {
    /// A connection to the broker.
    type Link: Link;

    /// Connects, and waits for a broker that is not there. `None` when `stop` was cancelled
    /// first.
    ///
    /// # Errors
    /// What waiting does not mend.
    fn connect(
        &self,
        name: &str,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Option<Self::Link>, Error>> + Send;

    /// Lets a task run by itself. What it gives comes from the future that is given back.
    fn start(
        &self,
        task: BoxFuture<'static, Result<(), Error>>,
    ) -> BoxFuture<'static, Result<(), Error>>;

    /// Microseconds since the epoch.
    fn clock_us(&self) -> i64;
}

/// A connection, as [`Connection`] is one.
pub trait Link: Send + Sync + 'static {
    /// Its channels.
    type Channel: Lane;
    /// Its publishers.
    type Publisher: Publish;

    /// A new channel.
    ///
    /// # Errors
    /// When the connection is gone.
    fn channel(&self) -> impl Future<Output = Result<Self::Channel, Error>> + Send;

    /// A publisher with at most `window` unconfirmed messages.
    ///
    /// # Errors
    /// When the connection is gone.
    fn publisher(
        &self,
        window: usize,
    ) -> impl Future<Output = Result<Self::Publisher, Error>> + Send;

    /// Fails unless it may have so many channels at a time; `what` needs them.
    ///
    /// # Errors
    /// As [`Connection::has_channels`].
    fn has_channels(&self, needed: usize, what: &str) -> Result<(), Error>;

    /// Says good-bye.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A channel, as [`Channel`] is one: what its methods do and when they fail stands there.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "see `Channel`")]
pub trait Lane: Clone + Send + Sync + 'static {
    type Delivery: Delivered;
    type Deliveries: Stream<Item = Result<Self::Delivery, Error>> + Send + Unpin;

    fn consume(
        &self,
        queue: &str,
        tag: &str,
        prefetch: u16,
        from: Option<Offset>,
    ) -> impl Future<Output = Result<Self::Deliveries, Error>> + Send;
    fn cancel(&self, tag: &str) -> impl Future<Output = Result<(), Error>> + Send;
    fn ack(
        &self,
        delivery_tag: u64,
        multiple: bool,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    fn queue_status(&self, queue: &str) -> impl Future<Output = Result<QueueStatus, Error>> + Send;
    fn exchange_exists(&self, name: &str) -> impl Future<Output = Result<bool, Error>> + Send;
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A message that was delivered, as [`Delivery`] is one.
#[allow(missing_docs, reason = "see `Delivery`")]
pub trait Delivered: Send + Sync + 'static {
    fn tag(&self) -> u64;
    fn body(&self) -> &[u8];
    fn offset(&self) -> Option<u64>;
    fn integer(&self, header: &str) -> Option<i64>;
    fn text(&self, header: &str) -> Option<String>;
}

/// A publisher with confirms, as [`Publisher`] is one.
pub trait Publish: Send + Sync + 'static {
    /// The promise of a confirm.
    type Receipt: Send + 'static;

    /// Publishes as soon as there is room in the window.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    fn publish(
        &self,
        message: &Message,
    ) -> impl Future<Output = Result<Self::Receipt, Error>> + Send;

    /// Waits for the broker's word.
    ///
    /// # Errors
    /// As [`Receipt::confirmed`].
    fn confirmed(receipt: Self::Receipt) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Host for Endpoint {
    type Link = Connection;

    async fn connect(
        &self,
        name: &str,
        stop: &CancellationToken,
    ) -> Result<Option<Connection>, Error> {
        connect_patiently(self, name, stop).await
    }

    fn start(
        &self,
        task: BoxFuture<'static, Result<(), Error>>,
    ) -> BoxFuture<'static, Result<(), Error>> {
        let running = tokio::spawn(task);
        Box::pin(async {
            running.await.unwrap_or_else(|ended| {
                let cause = if ended.is_panic() {
                    "panicked"
                } else {
                    "ended"
                };
                Err(Error::Lost(format!("a task {cause}")))
            })
        })
    }

    fn clock_us(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

impl Link for Connection {
    type Channel = Channel;
    type Publisher = Publisher;

    async fn channel(&self) -> Result<Channel, Error> {
        Connection::channel(self).await
    }

    async fn publisher(&self, window: usize) -> Result<Publisher, Error> {
        Connection::publisher(self, window).await
    }

    fn has_channels(&self, needed: usize, what: &str) -> Result<(), Error> {
        Connection::has_channels(self, needed, what)
    }

    async fn close(self) {
        Connection::close(self).await;
    }
}

impl Lane for Channel {
    type Delivery = Delivery;
    type Deliveries = Deliveries;

    async fn consume(
        &self,
        queue: &str,
        tag: &str,
        prefetch: u16,
        from: Option<Offset>,
    ) -> Result<Deliveries, Error> {
        Channel::consume(self, queue, tag, prefetch, from).await
    }

    async fn cancel(&self, tag: &str) -> Result<(), Error> {
        Channel::cancel(self, tag).await
    }

    async fn ack(&self, delivery_tag: u64, multiple: bool) -> Result<(), Error> {
        Channel::ack(self, delivery_tag, multiple).await
    }

    async fn queue_status(&self, queue: &str) -> Result<QueueStatus, Error> {
        Channel::queue_status(self, queue).await
    }

    async fn exchange_exists(&self, name: &str) -> Result<bool, Error> {
        Channel::exchange_exists(self, name).await
    }

    async fn close(self) {
        Channel::close(self).await;
    }
}

impl Delivered for Delivery {
    fn tag(&self) -> u64 {
        Delivery::tag(self)
    }

    fn body(&self) -> &[u8] {
        Delivery::body(self)
    }

    fn offset(&self) -> Option<u64> {
        Delivery::offset(self)
    }

    fn integer(&self, header: &str) -> Option<i64> {
        Delivery::integer(self, header)
    }

    fn text(&self, header: &str) -> Option<String> {
        Delivery::text(self, header)
    }
}

impl Publish for Publisher {
    type Receipt = Receipt;

    async fn publish(&self, message: &Message) -> Result<Receipt, Error> {
        Publisher::publish(self, message).await
    }

    async fn confirmed(receipt: Receipt) -> Result<(), Error> {
        receipt.confirmed().await
    }
}
