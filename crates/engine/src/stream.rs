//! A shard's stream as its owner reads it.

use std::time::Duration;

use broker::{Delivered, Error, Lane, Link, Offset};
use futures::StreamExt;
use tokio::time::timeout;

/// Deliveries are acknowledged this many at a time: an acknowledgement is only credit.
const ACK_EVERY: u16 = 16;

/// The deliveries of a link.
pub(crate) type DeliveryOf<L> = <<L as Link>::Channel as Lane>::Delivery;

/// A stream that is being read, with its credit.
pub(crate) struct Stream<L: Link> {
    channel: L::Channel,
    deliveries: <L::Channel as Lane>::Deliveries,
    name: String,
    tag: String,
    /// The newest delivery that was read, and how many are not acknowledged with it.
    newest: u64,
    unacknowledged: u16,
}

impl<L: Link> Stream<L> {
    /// Reads the stream `name` on a channel of its own, with up to `prefetch` messages
    /// delivered ahead.
    pub(crate) async fn open(
        connection: &L,
        name: String,
        tag: String,
        prefetch: u16,
        from: Offset,
    ) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        let prefetch = prefetch.max(ACK_EVERY);
        let deliveries = channel.consume(&name, &tag, prefetch, Some(from)).await?;
        Ok(Stream {
            channel,
            deliveries,
            name,
            tag,
            newest: 0,
            unacknowledged: 0,
        })
    }

    /// The next message and its offset.
    pub(crate) async fn next(&mut self) -> Result<(u64, DeliveryOf<L>), Error> {
        let delivery = self
            .deliveries
            .next()
            .await
            .unwrap_or_else(|| Err(Error::Cancelled(self.name.clone())))?;
        match delivery.offset() {
            Some(offset) => Ok((offset, delivery)),
            None => Err(Error::Protocol(format!(
                "{} is no stream: its deliveries have no offset",
                self.name
            ))),
        }
    }

    /// Gives credit for a message that was read.
    pub(crate) async fn read(&mut self, delivery: &DeliveryOf<L>) -> Result<(), Error> {
        self.newest = delivery.tag();
        self.unacknowledged += 1;
        if self.unacknowledged < ACK_EVERY {
            return Ok(());
        }
        self.acknowledge().await
    }

    /// Acknowledges the rest, for an idle shard: the broker closes a channel on which a delivery
    /// stays open for long, that of a stream too.
    pub(crate) async fn acknowledge(&mut self) -> Result<(), Error> {
        if self.unacknowledged == 0 {
            return Ok(());
        }
        self.unacknowledged = 0;
        self.channel.ack(self.newest, true).await
    }

    /// The consumer goes before its channel: the broker else lists it for ever.
    pub(crate) async fn end(self) {
        let _ = self.channel.cancel(&self.tag).await;
        self.channel.close().await;
    }
}

/// A second look at a stream, beside what reads it: the first message from there, if one comes
/// within `patience`.
pub(crate) async fn first_message<L: Link>(
    connection: &L,
    stream: &str,
    tag: &str,
    from: Offset,
    patience: Duration,
) -> Result<Option<(u64, DeliveryOf<L>)>, Error> {
    let mut look = look(connection, stream, tag, from).await?;
    let first = match timeout(patience, look.next()).await {
        Ok(seen) => Some(seen?),
        Err(_) => None,
    };
    look.end().await;
    Ok(first)
}

/// The newest message, if any comes: the last of a chunk, which has ended when nothing comes
/// within `patience`.
pub(crate) async fn newest_offset<L: Link>(
    connection: &L,
    stream: &str,
    tag: &str,
    patience: Duration,
) -> Result<Option<u64>, Error> {
    let mut look = look(connection, stream, tag, Offset::Last).await?;
    let mut newest = None;
    while let Ok(seen) = timeout(patience, look.next()).await {
        let (offset, delivery) = seen?;
        newest = newest.max(Some(offset));
        look.read(&delivery).await?;
    }
    look.end().await;
    Ok(newest)
}

async fn look<L: Link>(
    connection: &L,
    stream: &str,
    tag: &str,
    from: Offset,
) -> Result<Stream<L>, Error> {
    let tag = format!("{tag}-look");
    Stream::open(connection, stream.to_owned(), tag, ACK_EVERY, from).await
}
