//! Messages on their way to the broker, published until it takes them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::{Error, Message, Publisher};

/// Messages in flight beyond which an outbox has no room.
const MAX_MESSAGES: usize = 1024;
/// Bytes in flight beyond which an outbox has no room.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Pauses before a message that the broker did not take is published again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Unconfirmed messages, each with a tag that comes back with its confirm. Whoever fills it asks
/// [`Outbox::has_room`] before it takes in what may cause more messages.
pub struct Outbox<T> {
    publisher: Arc<Publisher>,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<Sent<T>, Error>>>,
    bytes: usize,
}

/// A message that is published and confirmed.
#[derive(Debug)]
pub struct Sent<T> {
    /// What was pushed with it.
    pub tag: T,
    /// How often the broker refused or returned it before.
    pub retries: u64,
    bytes: usize,
}

impl<T: Send + 'static> Outbox<T> {
    /// An empty one.
    #[must_use]
    pub fn new(publisher: Arc<Publisher>) -> Self {
        Outbox {
            publisher,
            in_flight: FuturesUnordered::new(),
            bytes: 0,
        }
    }

    /// Sends a message on its way; [`Outbox::next`] must be awaited for it to get on.
    pub fn push(&mut self, tag: T, message: Message) {
        let bytes = message.body.len();
        self.bytes += bytes;
        let publisher = Arc::clone(&self.publisher);
        self.in_flight.push(Box::pin(async move {
            let retries = publisher.publish_until_taken(&message).await?;
            Ok(Sent {
                tag,
                retries,
                bytes,
            })
        }));
    }

    /// Whether less is in flight than the bounds allow.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_MESSAGES && self.bytes < MAX_BYTES
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Waits for the next confirm; `None` when nothing is in flight. May be cancelled.
    ///
    /// # Errors
    /// When the channel is gone, or the exchange does not exist.
    pub async fn next(&mut self) -> Option<Result<Sent<T>, Error>> {
        let sent = self.in_flight.next().await?;
        if let Ok(sent) = &sent {
            self.bytes = self.bytes.saturating_sub(sent.bytes);
        }
        Some(sent)
    }
}

impl Publisher {
    /// Publishes a message again and again, with growing pauses, until a queue has it: what the
    /// broker refuses or returns is never skipped. Gives how often it had to be repeated.
    ///
    /// # Errors
    /// When the channel is gone, or the exchange does not exist.
    pub async fn publish_until_taken(&self, message: &Message) -> Result<u64, Error> {
        let mut pause = FIRST_PAUSE;
        let mut retries = 0;
        loop {
            match self.publish(message).await?.confirmed().await {
                Err(error) if error.is_unpublished() => {
                    if retries == 0 {
                        let Message {
                            exchange,
                            routing_key,
                            ..
                        } = message;
                        tracing::warn!(exchange, routing_key, %error, "publishing again until a queue takes it");
                    }
                    retries += 1;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                done => return done.map(|()| retries),
            }
        }
    }
}
