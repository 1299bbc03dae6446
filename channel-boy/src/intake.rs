//! From the queue to the ledger: inserts, and acknowledges after the insert is on disk.

mod acks;
mod register;

use std::{task::Poll, time::Duration};

use anyhow::anyhow;
use broker::{Channel, Connection, Deliveries, Delivery, Endpoint, connect_patiently};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use ledger::{Inserted, NewEntry};
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::names::alert_queue;
use trade::Alert;

use self::{acks::Acks, register::Place};
use crate::{crash, desk::Desk, flights::Boarding, undelivered::NOBODY, wording::one_line};

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

/// At a stop, or when the broker is lost, what is on its way into the ledger may take so long.
const LAST_INSERTS: Duration = Duration::from_secs(5);

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
        let begun = tokio::select! {
            begun = begin(desk, &connection, &queue, prefetch, ever) => begun,
            () = stop.cancelled() => return Ok(()),
        };
        let consuming = match begun {
            Ok(consuming) => consuming,
            Err(error) if ever || error.is_passing() => {
                if !said {
                    tracing::warn!(queue, "cannot consume: {error}; waiting for it");
                    said = true;
                }
                connection.close().await;
                pause(stop).await;
                continue;
            }
            Err(error) => return Err(error.into_fault(&queue)),
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

/// Why there is nothing to consume from.
#[derive(Debug, thiserror::Error)]
enum NotBegun {
    #[error(transparent)]
    Broker(#[from] broker::Error),
    #[error(transparent)]
    Register(#[from] register::Refused),
}

impl NotBegun {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Broker(error) | Self::Register(register::Refused::Broker(error))
            if error.is_lost())
    }

    fn into_fault(self, queue: &str) -> Fault {
        match self {
            Self::Register(error) => Fault::Failed(anyhow!(error)),
            Self::Broker(error) => {
                let context = format!("consume {queue}, which `declare apply` creates");
                Fault::Failed(anyhow!(error).context(context))
            }
        }
    }
}

/// Takes a place among those who work on the channel, and only then consumes.
async fn begin<'a>(
    desk: &Desk,
    connection: &Connection,
    queue: &str,
    prefetch: u16,
    ever: bool,
) -> Result<Consuming<'a>, NotBegun> {
    let place = register::take(
        connection,
        &desk.channel.name,
        desk.ledger.is_shared(),
        ever,
    )
    .await?;
    Ok(start(desk, connection, queue, prefetch, place).await?)
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

struct Consuming<'a> {
    channel: Channel,
    deliveries: Deliveries,
    place: Place,
    prefetch: usize,
    acks: Acks,
    /// Inserts under way: at most `prefetch`.
    inserts: FuturesUnordered<BoxFuture<'a, Result<u64, ledger::Error>>>,
}

async fn start<'a>(
    desk: &Desk,
    connection: &Connection,
    queue: &str,
    prefetch: u16,
    place: Place,
) -> Result<Consuming<'a>, broker::Error> {
    let channel = connection.channel().await?;
    let tag = format!("channel-boy.{}", desk.channel.name);
    let deliveries = channel.consume(queue, &tag, prefetch, None).await?;
    Ok(Consuming {
        channel,
        deliveries,
        place,
        prefetch: usize::from(prefetch),
        acks: Acks::default(),
        inserts: FuturesUnordered::new(),
    })
}

impl<'a> Consuming<'a> {
    async fn run(mut self, desk: &'a Desk, stop: &CancellationToken) -> End {
        let end = loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(End::Stopped),
                Some(inserted) = self.inserts.next() => self.inserted(inserted),
                lost = self.place.lost() => Err(End::Broker(lost)),
                delivery = self.deliveries.next(), if self.inserts.len() < self.prefetch => {
                    match delivery {
                        Some(Ok(delivery)) => self.take(desk, delivery),
                        Some(Err(error)) => Err(End::Broker(error)),
                        None => Err(End::Broker(broker::Error::Lost("it cancelled us".into()))),
                    }
                }
            };
            let step = match step {
                // A connection that is stuck must not keep it from stopping.
                Ok(()) => tokio::select! {
                    () = stop.cancelled() => Err(End::Stopped),
                    acknowledged = self.acknowledge() => acknowledged,
                },
                end => end,
            };
            if let Err(end) = step {
                break end;
            }
        };
        match tokio::time::timeout(LAST_INSERTS, self.finish()).await {
            Ok(Err(End::Ledger(error))) => End::Ledger(error),
            _ => end,
        }
    }

    /// The ledger carries out what was asked whether or not somebody waits; what is known must
    /// be known here too.
    async fn finish(&mut self) -> Result<(), End> {
        while let Some(inserted) = self.inserts.next().await {
            self.inserted(inserted)?;
        }
        self.acknowledge().await
    }

    /// One message.
    fn take(&mut self, desk: &'a Desk, delivery: Delivery) -> Result<(), End> {
        crash::point("received");
        desk.tally.received.add(1);
        let tag = delivery.tag();
        self.acks.came(tag);
        let alert = match read(delivery.body()) {
            Ok(alert) => alert,
            Err(why) => {
                desk.tally.unreadable.add(1);
                let message = delivery.message_id().map(|id| one_line(id, 100));
                tracing::error!(message, "not an alert, to Aldebaran.Undelivered: {why}");
                let payload = delivery.into_body();
                self.inserts
                    .push(insert_dead(desk, payload, why, tag).boxed());
                return Ok(());
            }
        };
        if !desk.channel.filter.wants(&alert) {
            desk.tally.filtered.add(1);
            self.acks.done(tag);
            return Ok(());
        }
        let payload = delivery.into_body();
        let recipients = desk.channel.recipients.len();
        let boarding = desk
            .flights
            .board(alert.alert_id, ledger::hash(&payload), recipients);
        if boarding == Boarding::Duplicate {
            desk.tally.duplicates.add(1);
            // If the first is not on disk yet, it is not acknowledged yet either.
            self.acks.done(tag);
            return Ok(());
        }
        self.inserts
            .push(insert(desk, alert, payload, boarding, tag).boxed());
        if desk.open() >= desk.channel.backlog {
            return Err(End::Full);
        }
        Ok(())
    }

    /// An insert is on disk, and with it as a rule others that shared its commit.
    fn inserted(&mut self, inserted: Result<u64, ledger::Error>) -> Result<(), End> {
        let mut next = Some(inserted);
        while let Some(inserted) = next {
            let tag = inserted.map_err(End::Ledger)?;
            crash::point("inserted");
            self.acks.done(tag);
            next = self.inserts.next().now_or_never().flatten();
        }
        Ok(())
    }

    /// Acknowledges what may be, in one frame.
    async fn acknowledge(&mut self) -> Result<(), End> {
        let Some(tag) = self.acks.up_to() else {
            return Ok(());
        };
        self.channel.ack(tag, true).await.map_err(End::Broker)?;
        crash::point("acknowledged");
        Ok(())
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
    let mut inserting = desk.ledger.insert(entries, desk.now_ms());
    let done = futures::poll!(&mut inserting);
    // It is on its way: a claim that comes behind it shares its commit.
    desk.bell.notify_one();
    let inserted = match done {
        Poll::Ready(inserted) => inserted?,
        Poll::Pending => inserting.await?,
    };
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

/// Hands what is no alert to the ledger, as failed: from there it is published as undelivered.
/// The same bytes are one entry.
async fn insert_dead(
    desk: &Desk,
    payload: Vec<u8>,
    why: String,
    tag: u64,
) -> Result<u64, ledger::Error> {
    let entry = NewEntry {
        alert: unreadable_id(&payload),
        channel: desk.channel.name.clone(),
        recipient: NOBODY.to_owned(),
        payload,
    };
    let now_ms = desk.now_ms();
    if desk.ledger.insert_dead(entry, why, now_ms).await? == Inserted::New {
        desk.knell.notify_one();
    }
    Ok(tag)
}

/// What stands for an alert's id where there is none to read.
pub(crate) fn unreadable_id(payload: &[u8]) -> String {
    let hash = ledger::hash(payload);
    let hex: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
    format!("unreadable-{hex}")
}
