//! Receives the alerts of a run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use broker::{Channel, Connection, Deliveries, Endpoint, Error};
use futures::StreamExt;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use trade::Alert;

use crate::bench::clock::Clock;
use crate::bench::listing::Listing;
use crate::bench::progress::Progress;
use crate::route::epoch_us;

/// Alerts that are received and not acknowledged: a queue with fewer makes the broker wait.
const PREFETCH: u16 = 2000;

/// Alerts are acknowledged when there are so many of them, or after this time.
const ACK_EVERY: u64 = 64;
const ACK_AFTER: Duration = Duration::from_millis(100);

/// How long the broker may take to hand out an alert that lies in the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// What cannot be done if the file for the latencies fails.
const LISTING: &str = "write --latencies";

const TAG: &str = "publisher bench";

/// The consumer of a channel's queue, on a connection of its own.
pub(crate) struct Alerts {
    queue: String,
    channel: Channel,
    deliveries: Deliveries,
    // It closes when it is dropped.
    _connection: Connection,
}

impl Alerts {
    /// Begins to consume a queue, and empties it first.
    pub(crate) async fn open(endpoint: &Endpoint, queue: &str) -> Result<Self> {
        let connection = broker::connect(endpoint, TAG).await?;
        let channel = connection.channel().await?;
        let status = channel
            .queue_status(queue)
            .await
            .with_context(|| format!("receive alerts from {queue}"))?;
        if status.consumers > 0 {
            bail!(
                "receive alerts from {queue}: somebody else does, and would take some of them; \
                 stop its channel-boy, or name another queue with --alert-queue"
            );
        }
        let deliveries = channel.consume(queue, TAG, PREFETCH, None).await?;
        let mut alerts = Self {
            queue: queue.to_owned(),
            channel,
            deliveries,
            _connection: connection,
        };
        alerts.remove(status.messages).await?;
        Ok(alerts)
    }

    /// Takes out what lies in the queue from before.
    async fn remove(&mut self, messages: u32) -> Result<()> {
        for number in 1..=messages {
            let Ok(delivery) = timeout(PATIENCE, self.next()).await else {
                bail!("empty {}: the broker hands out nothing", self.queue);
            };
            let tag = delivery?.tag();
            if number == messages || u64::from(number) % ACK_EVERY == 0 {
                self.channel.ack(tag, true).await?;
            }
        }
        if messages > 0 {
            tracing::warn!(
                queue = self.queue,
                "took {messages} earlier alerts out of the queue"
            );
        }
        Ok(())
    }

    /// Receives alerts until `stop` is cancelled; those that are measured go to `listing` as well.
    pub(crate) async fn receive(
        mut self,
        clock: Clock,
        progress: Arc<Progress>,
        mut listing: Option<Listing>,
        stop: CancellationToken,
    ) -> Result<()> {
        const RECEIVE: &str = "receive alerts";
        let mut tick = interval(ACK_AFTER);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut newest, mut acknowledged) = (0, 0);
        loop {
            tokio::select! {
                biased;
                delivery = self.next() => {
                    let delivery = delivery.context(RECEIVE)?;
                    newest = delivery.tag();
                    match Alert::from_json(delivery.body()) {
                        Ok(alert) => {
                            let now_us = epoch_us();
                            let mut received = progress.received();
                            let measured = received.take(&alert, &delivery, &clock, now_us);
                            drop(received);
                            if let (Some(listing), Some(measured)) = (&mut listing, measured) {
                                listing.add(&measured).context(LISTING)?;
                            }
                        }
                        Err(error) => tracing::warn!(queue = self.queue, %error, "no alert"),
                    }
                    if newest - acknowledged < ACK_EVERY {
                        continue;
                    }
                }
                _ = tick.tick() => {}
                () = stop.cancelled() => {
                    if newest > acknowledged {
                        self.channel.ack(newest, true).await.context(RECEIVE)?;
                    }
                    self.channel.close().await;
                    return match listing {
                        Some(listing) => listing.finish().context(LISTING),
                        None => Ok(()),
                    };
                }
            }
            if newest > acknowledged {
                acknowledged = newest;
                self.channel.ack(newest, true).await.context(RECEIVE)?;
            }
        }
    }

    async fn next(&mut self) -> Result<broker::Delivery, Error> {
        self.deliveries.next().await.unwrap_or_else(|| {
            Err(Error::Lost(format!(
                "the consumer of {} was cancelled",
                self.queue
            )))
        })
    }
}
