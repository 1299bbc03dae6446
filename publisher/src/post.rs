//! Sends messages until they are confirmed, over as many connections as that takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{Connection, Endpoint, Error, Message, Publisher};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use program::Fault;
use tokio_util::sync::CancellationToken;

/// The pauses before a message that no queue took is sent again: doubling up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The name that the broker shows.
const CONNECTION: &str = "publisher";

/// Keeps every message until the broker has confirmed it, and sends it again if the
/// connection is lost or no queue takes it. So a message may be sent twice and none is lost.
pub(crate) struct Post<T> {
    endpoint: Endpoint,
    window: usize,
    /// What to say when the exchange does not exist.
    remedy: String,
    link: Link,
    unconfirmed: BTreeMap<u64, Letter<T>>,
    /// The stubs of messages that are confirmed.
    landed: Vec<T>,
    flying: FuturesUnordered<BoxFuture<'static, Flight>>,
    counts: Counts,
    has_said_unpublished: bool,
}

/// A connection and its channel.
struct Link {
    connection: Connection,
    publisher: Arc<Publisher>,
}

/// A message, and how often it was not taken.
struct Letter<T> {
    message: Arc<Message>,
    /// Given back with the confirm.
    stub: T,
    refusals: u32,
}

/// One attempt to publish a message, ended.
struct Flight {
    number: u64,
    outcome: Result<(), Error>,
}

/// What a post has sent, in messages.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// Different ones.
    pub(crate) messages: u64,
    pub(crate) confirmed: u64,
    /// Attempts beyond the first.
    pub(crate) resent: u64,
}

impl<T> Post<T> {
    /// Waits for the broker and connects. `None` when `stop` was cancelled first.
    pub(crate) async fn open(
        endpoint: Endpoint,
        window: usize,
        remedy: String,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, Fault> {
        Ok(connect(&endpoint, window, stop).await?.map(|link| Self {
            endpoint,
            window,
            remedy,
            link,
            unconfirmed: BTreeMap::new(),
            landed: Vec::new(),
            flying: FuturesUnordered::new(),
            counts: Counts::default(),
            has_said_unpublished: false,
        }))
    }

    /// Whether another message may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.unconfirmed.len() < self.window
    }

    /// Whether every message is confirmed.
    pub(crate) fn is_done(&self) -> bool {
        self.unconfirmed.is_empty()
    }

    /// Messages that are not confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Sends a message. It leaves with the next call of [`Post::progress`]; its stub comes back
    /// by [`Post::landed`] when it is confirmed.
    pub(crate) fn send(&mut self, message: Message, stub: T) {
        let number = self.counts.messages;
        self.counts.messages += 1;
        let letter = Letter {
            message: Arc::new(message),
            stub,
            refusals: 0,
        };
        self.fly(number, &letter);
        self.unconfirmed.insert(number, letter);
    }

    /// The stubs of the messages confirmed since it was last asked.
    pub(crate) fn landed(&mut self) -> impl Iterator<Item = T> {
        self.landed.drain(..)
    }

    /// Waits for news of the messages sent, forever if there are none. Cancelled, it loses
    /// nothing. `Lost` says that [`Post::reconnect`] is to be called.
    pub(crate) async fn progress(&mut self) -> Result<Progress, Fault> {
        let Some(flight) = self.flying.next().await else {
            return std::future::pending().await;
        };
        let mut lost = self.land(flight)?;
        // Others may have landed meanwhile: the news of a connection comes in heaps.
        while let Some(Some(flight)) = self.flying.next().now_or_never() {
            lost |= self.land(flight)?;
        }
        Ok(if lost { Progress::Lost } else { Progress::Made })
    }

    /// Connects again, as soon as there is a broker, and sends all that is unconfirmed again.
    /// Gives `false` if `stop` was cancelled first.
    pub(crate) async fn reconnect(&mut self, stop: &CancellationToken) -> Result<bool, Fault> {
        self.flying.clear();
        tracing::warn!(
            broker = %self.endpoint,
            unconfirmed = self.unconfirmed.len(),
            "lost the connection to the broker; what is unconfirmed is sent again"
        );
        let Some(link) = connect(&self.endpoint, self.window, stop).await? else {
            return Ok(false);
        };
        self.link = link;
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        for (&number, letter) in &unconfirmed {
            self.counts.resent += 1;
            self.fly(number, letter);
        }
        self.unconfirmed = unconfirmed;
        Ok(true)
    }

    /// Says good-bye to the broker.
    pub(crate) async fn close(self) {
        drop(self.flying);
        self.link.connection.close().await;
    }

    fn fly(&self, number: u64, letter: &Letter<T>) {
        let publisher = Arc::clone(&self.link.publisher);
        let message = Arc::clone(&letter.message);
        let pause = match letter.refusals {
            0 => None,
            refusals => Some((FIRST_PAUSE * 2_u32.pow(refusals.min(10) - 1)).min(LONGEST_PAUSE)),
        };
        self.flying.push(
            async move {
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
                let outcome = match publisher.publish(&message).await {
                    Ok(receipt) => receipt.confirmed().await,
                    Err(error) => Err(error),
                };
                Flight { number, outcome }
            }
            .boxed(),
        );
    }

    /// Takes the outcome of a flight; gives whether the connection is lost.
    fn land(&mut self, flight: Flight) -> Result<bool, Fault> {
        match flight.outcome {
            Ok(()) => {
                if let Some(letter) = self.unconfirmed.remove(&flight.number) {
                    self.landed.push(letter.stub);
                }
                self.counts.confirmed += 1;
                Ok(false)
            }
            Err(error) if error.is_unpublished() => {
                if !self.has_said_unpublished {
                    tracing::warn!("{error}; it is sent again until a queue takes it");
                    self.has_said_unpublished = true;
                }
                if let Some(mut letter) = self.unconfirmed.remove(&flight.number) {
                    letter.refusals += 1;
                    self.counts.resent += 1;
                    self.fly(flight.number, &letter);
                    self.unconfirmed.insert(flight.number, letter);
                }
                Ok(false)
            }
            Err(error) if error.is_lost() => Ok(true),
            Err(Error::Missing(words)) => {
                let remedy = &self.remedy;
                Err(Fault::Failed(anyhow::anyhow!("publish: {words}; {remedy}")))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What became of the messages sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Made,
    Lost,
}

async fn connect(
    endpoint: &Endpoint,
    window: usize,
    stop: &CancellationToken,
) -> Result<Option<Link>, Fault> {
    loop {
        let Some(connection) = broker::connect_patiently(endpoint, CONNECTION, stop).await? else {
            return Ok(None);
        };
        // A broker that is just coming up may be gone again.
        match connection.publisher(window).await {
            Ok(publisher) => {
                return Ok(Some(Link {
                    connection,
                    publisher: Arc::new(publisher),
                }));
            }
            Err(error) if error.is_lost() => tokio::time::sleep(FIRST_PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
}
