//! Out of `Aldebaran.Undelivered`, to be tried again.
//!
//! A failure of the ledger's goes back to `pending` there, if it is still that failure; a message
//! that could not be read, or that the broker itself gave up, goes back to the channel's queue.
//! Each message is acknowledged after that, so killed in between it is only looked at again.

use broker::{Channel, Connection, Delivery, Endpoint, Message, Publisher, connect};
use ledger::{Inserted, Ledger, NewEntry};
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::names::{UNDELIVERED, alert_queue};

use crate::{
    clock::now_ms,
    undelivered::{ALERT, BURIAL, CHANNEL, NOBODY, RECIPIENT},
};

/// Who it was for, and which failure.
struct Grave {
    alert: String,
    recipient: String,
    burial: u32,
}

/// Puts back what is there now, of one alert or all; what belongs to other channels stays.
///
/// # Errors
/// When the broker or the ledger fails; what was put back by then stays so.
pub(super) async fn run(
    ledger: &dyn Ledger,
    channel: &str,
    alert: Option<&str>,
    endpoint: &Endpoint,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let name = format!("channel-boy {channel} redeliver");
    let connection = Box::pin(connect(endpoint, &name)).await?;
    let desk = Redeliver {
        ledger,
        channel,
        alert,
        publisher: connection.publisher(1).await?,
    };
    let done = desk.all(&connection, stop).await;
    connection.close().await; // what was left out goes back to its place
    let back = done?;
    println_quietly(&format!("{back} to be tried again"));
    Ok(())
}

struct Redeliver<'a> {
    ledger: &'a dyn Ledger,
    channel: &'a str,
    alert: Option<&'a str>,
    publisher: Publisher,
}

impl Redeliver<'_> {
    async fn all(&self, connection: &Connection, stop: &CancellationToken) -> Result<u64, Fault> {
        let queue = connection.channel().await?;
        let messages = queue.queue_status(UNDELIVERED).await?.messages;
        let mut back = 0;
        for _ in 0..messages {
            if stop.is_cancelled() {
                break;
            }
            let Some(message) = queue.get(UNDELIVERED).await? else {
                break;
            };
            if self.is_meant(&message) && self.put_back(&queue, message).await? {
                back += 1;
            }
        }
        Ok(back)
    }

    fn is_meant(&self, message: &Delivery) -> bool {
        let of_ours = match message.text(CHANNEL) {
            Some(channel) => channel == self.channel,
            // The broker's own dead letters carry the queue that they come from.
            None => message.text("x-first-death-queue") == Some(alert_queue(self.channel)),
        };
        let named = message.text(ALERT);
        of_ours
            && self
                .alert
                .is_none_or(|alert| named.as_deref() == Some(alert))
    }

    /// Says whether it will be tried again; one that was taken up before is only acknowledged.
    async fn put_back(&self, queue: &Channel, message: Delivery) -> Result<bool, Fault> {
        let tag = message.tag();
        let back = match grave(&message) {
            Some(grave) if grave.recipient != NOBODY => self.reopen(grave, message).await?,
            grave => {
                self.publish(grave, message).await?;
                true
            }
        };
        queue.ack(tag, false).await?;
        Ok(back)
    }

    async fn reopen(&self, grave: Grave, message: Delivery) -> Result<bool, Fault> {
        let Grave {
            alert,
            recipient,
            burial,
        } = grave;
        let now_ms = now_ms().saturating_add(self.ledger.ahead_ms());
        let reopened = self
            .ledger
            .reopen(&alert, self.channel, &recipient, burial, now_ms)
            .await?;
        if let Some(reopened) = reopened {
            return Ok(reopened);
        }
        // Failed for certain, and forgotten since.
        let entry = NewEntry {
            alert,
            channel: self.channel.to_owned(),
            recipient,
            payload: message.into_body(),
        };
        let inserted = self.ledger.insert(vec![entry], now_ms).await?;
        Ok(inserted == [Inserted::New])
    }

    /// Back to the channel's queue. The ledger forgets it first, or it would be a duplicate.
    async fn publish(&self, grave: Option<Grave>, message: Delivery) -> Result<(), Fault> {
        if let Some(grave) = grave {
            self.ledger
                .forget(&grave.alert, self.channel, &grave.recipient)
                .await?;
        }
        let again = Message {
            routing_key: alert_queue(self.channel),
            message_id: message.message_id().map(str::to_owned),
            content_type: Some("application/json"),
            body: message.into_body().into(),
            ..Message::default()
        };
        Ok(self.publisher.publish(&again).await?.confirmed().await?)
    }
}

fn grave(message: &Delivery) -> Option<Grave> {
    Some(Grave {
        alert: message.text(ALERT)?,
        recipient: message.text(RECIPIENT)?,
        burial: message.integer(BURIAL)?.try_into().ok()?,
    })
}

fn println_quietly(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
