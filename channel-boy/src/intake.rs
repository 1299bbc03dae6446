//! From the queue to the ledger: inserts, and acknowledges after the insert is on disk.

use std::time::Duration;

use anyhow::anyhow;
use broker::{Channel, Connection, Deliveries, Delivery, Endpoint, connect_patiently};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use ledger::{Inserted, NewEntry};
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::names::alert_queue;
use trade::Alert;

use crate::{clock::now_ms, crash, desk::Desk, flights::Boarding, wording::one_line};

/// An alert is some hundred bytes; with every id at its longest and escaped, 16 kB.
const LARGEST_ALERT: usize = 64 * 1024;
/// Between looks at whether the ledger has room again, or the broker its queue.
const PAUSE: Duration = Duration::from_millis(500);

/// Why consuming ended.
enum End {
    /// The stop.
    Stopped,
    /// The ledger holds as much as it may.
    Full,
    /// The broker's doing.
    Broker(broker::Error),
    /// The ledger failed.
    Ledger(ledger::Error),
}

/// Consumes the channel's queue until `stop`. A lost broker is waited for, said once.
///
/// # Errors
/// When the ledger fails; when the queue or the permission is not there at the start.
pub(crate) async fn run(
    desk: &Desk,
    endpoint: &Endpoint,
    prefetch: u16,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let queue = alert_queue(&desk.channel.name);
    let name = format!("channel-boy {}", desk.channel.name);
    let (mut ever, mut said) = (false, false);
    while let Some(connection) = connect(endpoint, &name, ever, stop).await? {
        if !ever {
            warn_of_others(&connection, &queue).await;
        }
        let consuming = match start(desk, &connection, &queue, prefetch).await {
            Ok(consuming) => consuming,
            Err(error) if ever || error.is_lost() => {
                if !said {
                    tracing::warn!(queue, "cannot consume: {error}; waiting for it");
                    said = true;
                }
                connection.close().await;
                pause(stop).await;
                continue;
            }
            Err(error) => {
                let context = format!("consume {queue}, which `declare apply` creates");
                return Err(Fault::Failed(anyhow!(error).context(context)));
            }
        };
        tracing::info!(queue, "consuming");
        (ever, said) = (true, false);
        let end = consuming.run(desk, stop).await;
        connection.close().await;
        match end {
            End::Stopped => return Ok(()),
            End::Ledger(error) => return Err(error.into()),
            End::Broker(error) => {
                tracing::warn!("lost the queue: {error}; deliveries go on from the ledger");
                pause(stop).await;
            }
            End::Full => wait_for_room(desk, stop).await,
        }
    }
    Ok(())
}

async fn connect(
    endpoint: &Endpoint,
    name: &str,
    ever: bool,
    stop: &CancellationToken,
) -> Result<Option<Connection>, Fault> {
    loop {
        match Box::pin(connect_patiently(endpoint, name, stop)).await {
            Ok(connection) => return Ok(connection),
            // A broker that is coming up again may not know its users and vhosts yet.
            Err(error) if ever => {
                tracing::debug!("cannot connect yet: {error}");
                pause(stop).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => {}
        () = stop.cancelled() => {}
    }
}

/// The queue keeps what comes, until half of what the ledger holds is delivered.
async fn wait_for_room(desk: &Desk, stop: &CancellationToken) {
    let (open, backlog) = (desk.open(), desk.channel.backlog);
    tracing::warn!(
        open,
        backlog,
        "too much is undelivered: the queue has to wait"
    );
    while !stop.is_cancelled() && desk.open() > backlog / 2 {
        pause(stop).await;
    }
}

/// An embedded ledger only knows what reached it.
async fn warn_of_others(connection: &Connection, queue: &str) {
    let Ok(channel) = connection.channel().await else {
        return;
    };
    let others = channel
        .queue_status(queue)
        .await
        .map_or(0, |status| status.consumers);
    if others > 0 {
        tracing::error!(
            queue,
            others,
            "somebody else consumes this channel: each ledger knows only what reached it, so an \
             alert that comes twice may be delivered twice. Stop one of the two"
        );
    }
}

struct Consuming<'a> {
    channel: Channel,
    deliveries: Deliveries,
    prefetch: usize,
    /// Inserts under way: at most `prefetch`.
    inserts: FuturesUnordered<BoxFuture<'a, Result<u64, ledger::Error>>>,
}

async fn start<'a>(
    desk: &Desk,
    connection: &Connection,
    queue: &str,
    prefetch: u16,
) -> Result<Consuming<'a>, broker::Error> {
    let channel = connection.channel().await?;
    let tag = format!("channel-boy.{}", desk.channel.name);
    let deliveries = channel.consume(queue, &tag, prefetch, None).await?;
    Ok(Consuming {
        channel,
        deliveries,
        prefetch: usize::from(prefetch),
        inserts: FuturesUnordered::new(),
    })
}

impl<'a> Consuming<'a> {
    async fn run(mut self, desk: &'a Desk, stop: &CancellationToken) -> End {
        let end = loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(End::Stopped),
                Some(inserted) = self.inserts.next() => self.inserted(inserted).await,
                delivery = self.deliveries.next(), if self.inserts.len() < self.prefetch => {
                    match delivery {
                        Some(Ok(delivery)) => self.take(desk, delivery).await,
                        Some(Err(error)) => Err(End::Broker(error)),
                        None => Err(End::Broker(broker::Error::Lost("it cancelled us".into()))),
                    }
                }
            };
            if let Err(end) = step {
                break end;
            }
        };
        // The ledger carries them out whether or not somebody waits; what is known must be
        // known here too.
        while let Some(inserted) = self.inserts.next().await {
            if let Err(End::Ledger(error)) = self.inserted(inserted).await {
                return End::Ledger(error);
            }
        }
        end
    }

    /// One message.
    async fn take(&mut self, desk: &'a Desk, delivery: Delivery) -> Result<(), End> {
        crash::point("received");
        desk.tally.received.add(1);
        let tag = delivery.tag();
        let alert = match read(delivery.body()) {
            Ok(alert) => alert,
            Err(why) => {
                desk.tally.unreadable.add(1);
                let message = delivery.message_id().map(|id| one_line(id, 100));
                tracing::error!(
                    message,
                    "not an alert, sent to Aldebaran.Undelivered: {why}"
                );
                return self.channel.nack(tag, false).await.map_err(End::Broker);
            }
        };
        if !desk.channel.filter.wants(&alert) {
            desk.tally.filtered.add(1);
            return self.acknowledge(tag).await;
        }
        let payload = delivery.into_body();
        let recipients = desk.channel.recipients.len();
        let boarding = desk
            .flights
            .board(alert.alert_id, ledger::hash(&payload), recipients);
        if boarding == Boarding::Duplicate {
            desk.tally.duplicates.add(1);
            // If the first is not on disk yet, it is not acknowledged yet either.
            return self.acknowledge(tag).await;
        }
        self.inserts
            .push(insert(desk, alert, payload, boarding, tag).boxed());
        if desk.open() >= desk.channel.backlog {
            return Err(End::Full);
        }
        Ok(())
    }

    async fn inserted(&self, inserted: Result<u64, ledger::Error>) -> Result<(), End> {
        let tag = inserted.map_err(End::Ledger)?;
        crash::point("inserted");
        self.acknowledge(tag).await?;
        crash::point("acknowledged");
        Ok(())
    }

    async fn acknowledge(&self, tag: u64) -> Result<(), End> {
        self.channel.ack(tag, false).await.map_err(End::Broker)
    }
}

fn read(body: &[u8]) -> Result<Alert, String> {
    if body.len() > LARGEST_ALERT {
        return Err(format!(
            "{} bytes are more than {LARGEST_ALERT}",
            body.len()
        ));
    }
    Alert::from_json(body).map_err(|error| one_line(&format!("failed to {error}"), 300))
}

/// Hands an alert to the ledger, one entry for each recipient; gives back the tag to
/// acknowledge.
async fn insert(
    desk: &Desk,
    alert: Alert,
    payload: Vec<u8>,
    boarding: Boarding,
    tag: u64,
) -> Result<u64, ledger::Error> {
    let channel = &desk.channel;
    let entry = |recipient: &String| NewEntry {
        alert: alert.alert_id.to_string(),
        channel: channel.name.clone(),
        recipient: recipient.clone(),
        payload: payload.clone(),
    };
    let entries: Vec<NewEntry> = channel.recipients.iter().map(entry).collect();
    let inserted = desk.ledger.insert(entries, now_ms()).await?;
    let count = |wanted: fn(&Inserted) -> bool| inserted.iter().filter(|i| wanted(i)).count();
    let new = count(|i| *i == Inserted::New);
    let conflicts = count(|i| matches!(i, Inserted::Conflict(_)));
    if boarding == Boarding::New {
        desk.flights.settle(alert.alert_id, inserted.len() - new);
    }
    if new > 0 {
        desk.opened(new as u64);
    } else if conflicts == 0 {
        desk.tally.duplicates.add(1);
    }
    if conflicts > 0 {
        desk.tally.conflicting.add(1);
        tracing::error!(
            alert = %alert.alert_id,
            "it came again with other words: dropped, the first ones count"
        );
    }
    Ok(tag)
}
