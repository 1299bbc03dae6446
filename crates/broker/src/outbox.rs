//! Messages on their way to the broker, published until it takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::{Error, Message, Publish, Publisher};

/// Messages in flight beyond which an outbox has no room.
const MAX_MESSAGES: usize = 1024;
/// Bytes in flight beyond which an outbox has no room.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Pauses before a message that the broker did not take is published again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Unconfirmed messages, each with a tag that comes back with its confirm. They are published in
/// the order in which they were pushed; one that the broker does not take comes again later.
/// Whoever fills it asks [`Outbox::has_room`] before it takes in what may cause more messages.
pub struct Outbox<T, P: Publish = Publisher> {
    publisher: Arc<P>,
    waiting: VecDeque<(T, Message)>,
    publishing: Option<BoxFuture<'static, Result<Published<T, P>, Error>>>,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<Sent<T>, Error>>>,
    bytes: usize,
}

/// A message that is published and not yet confirmed.
struct Published<T, P: Publish> {
    tag: T,
    message: Message,
    receipt: P::Receipt,
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

impl<T: Send + 'static, P: Publish> Outbox<T, P> {
    /// An empty one.
    #[must_use]
    pub fn new(publisher: Arc<P>) -> Self {
        Outbox {
            publisher,
            waiting: VecDeque::new(),
            publishing: None,
            in_flight: FuturesUnordered::new(),
            bytes: 0,
        }
    }

    /// Sends a message on its way; [`Outbox::next`] must be awaited for it to get on.
    pub fn push(&mut self, tag: T, message: Message) {
        self.bytes += message.body.len();
        self.waiting.push_back((tag, message));
    }

    /// Whether less is in flight than the bounds allow.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting.len() + self.in_flight.len() < MAX_MESSAGES && self.bytes < MAX_BYTES
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.publishing.is_none() && self.in_flight.is_empty()
    }

    /// Waits for the next confirm; `None` when nothing is in flight. May be cancelled.
    ///
    /// # Errors
    /// When the channel is gone, or the exchange does not exist.
    pub async fn next(&mut self) -> Option<Result<Sent<T>, Error>> {
        loop {
            if self.publishing.is_none()
                && let Some((tag, message)) = self.waiting.pop_front()
            {
                self.publishing =
                    Some(Box::pin(publish(Arc::clone(&self.publisher), tag, message)));
            }
            let sent = match &mut self.publishing {
                Some(publishing) => tokio::select! {
                    biased;
                    published = publishing => {
                        self.publishing = None;
                        match published {
                            Ok(published) => {
                                let publisher = Arc::clone(&self.publisher);
                                self.in_flight.push(Box::pin(confirm(publisher, published)));
                            }
                            Err(error) => return Some(Err(error)),
                        }
                        continue;
                    }
                    Some(sent) = self.in_flight.next() => sent,
                },
                None => self.in_flight.next().await?,
            };
            if let Ok(sent) = &sent {
                self.bytes = self.bytes.saturating_sub(sent.bytes);
            }
            return Some(sent);
        }
    }
}

async fn publish<T, P: Publish>(
    publisher: Arc<P>,
    tag: T,
    message: Message,
) -> Result<Published<T, P>, Error> {
    let receipt = publisher.publish(&message).await?;
    Ok(Published {
        tag,
        message,
        receipt,
    })
}

async fn confirm<T, P: Publish>(
    publisher: Arc<P>,
    published: Published<T, P>,
) -> Result<Sent<T>, Error> {
    let Published {
        tag,
        message,
        receipt,
    } = published;
    let retries = match P::confirmed(receipt).await {
        Err(error) if error.is_unpublished() => {
            say_once(&message, &error);
            tokio::time::sleep(FIRST_PAUSE).await;
            1 + publish_until_taken(&*publisher, &message).await?
        }
        done => done.map(|()| 0)?,
    };
    Ok(Sent {
        tag,
        retries,
        bytes: message.body.len(),
    })
}

fn say_once(message: &Message, error: &Error) {
    let Message {
        exchange,
        routing_key,
        ..
    } = message;
    tracing::warn!(exchange, routing_key, %error, "publishing again until a queue takes it");
}

/// Publishes a message again and again, with growing pauses, until a queue has it: what the
/// broker refuses or returns is never skipped. Gives how often it had to be repeated.
///
/// # Errors
/// When the channel is gone, or the exchange does not exist.
pub async fn publish_until_taken<P: Publish>(
    publisher: &P,
    message: &Message,
) -> Result<u64, Error> {
    let mut pause = FIRST_PAUSE;
    let mut retries = 0;
    loop {
        match P::confirmed(publisher.publish(message).await?).await {
            Err(error) if error.is_unpublished() => {
                if retries == 0 {
                    say_once(message, &error);
                }
                retries += 1;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done.map(|()| retries),
        }
    }
}
