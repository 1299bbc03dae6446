//! Who works on a channel: every channel-boy is a consumer of `Aldebaran.Ledger.<channel>`, one
//! whose ledger is its own alone the only one. The broker decides, so that of two that start at
//! the same time one is refused, and also one that comes back after another took its place.

use std::time::Duration;

use broker::{Channel, Connection, Deliveries};
use futures::StreamExt;
use tokio::time::{Instant, sleep};
use topology::names::ledger_queue;

/// The broker takes a moment to see that a process died; it is given this long.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// A place, held as long as it lives.
pub(super) struct Place {
    _channel: Channel,
    deliveries: Deliveries,
}

/// Why there is no place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "work on channel {channel:?}: somebody else does, and {} ledger is of one process alone, \
         so an alert that comes twice could be delivered twice. Stop the other one, or give all \
         of them one ledger on a PostgreSQL server (--ledger postgres://.. or `ledger` in \
         channels.toml)", whose(*.shared)
    )]
    Taken { channel: String, shared: bool },
    #[error("{0}; `declare apply` creates the queue")]
    Missing(broker::Error),
    #[error(transparent)]
    Broker(broker::Error),
}

fn whose(shared: bool) -> &'static str {
    match shared {
        true => "its",
        false => "this one's",
    }
}

/// Takes a place. At the first start somebody else's is waited for a moment, because it may be
/// that of a process that just died.
pub(super) async fn take(
    connection: &Connection,
    channel: &str,
    shared: bool,
    ever: bool,
) -> Result<Place, Refused> {
    let deadline = Instant::now() + if ever { Duration::ZERO } else { PATIENCE };
    loop {
        match attend(connection, channel, !shared).await {
            Ok(place) => return Ok(place),
            Err(error @ broker::Error::Missing(_)) => return Err(Refused::Missing(error)),
            Err(broker::Error::Denied(words)) if words.contains("exclusive") => {
                if Instant::now() >= deadline {
                    let channel = channel.to_owned();
                    return Err(Refused::Taken { channel, shared });
                }
            }
            Err(error) => return Err(Refused::Broker(error)),
        }
        sleep(PAUSE).await;
    }
}

async fn attend(
    connection: &Connection,
    channel: &str,
    alone: bool,
) -> Result<Place, broker::Error> {
    let tag = format!("channel-boy.{channel}");
    // A refusal closes the channel.
    let own = connection.channel().await?;
    let deliveries = own.attend(&ledger_queue(channel), &tag, alone).await?;
    Ok(Place {
        _channel: own,
        deliveries,
    })
}

impl Place {
    /// Waits until the place is lost, and says how.
    pub(super) async fn lost(&mut self) -> broker::Error {
        loop {
            match self.deliveries.next().await {
                Some(Ok(_)) => {} // whoever put a message there: it stays where it is
                Some(Err(error)) => return error,
                None => return broker::Error::Lost("its place was taken away".to_owned()),
            }
        }
    }
}
