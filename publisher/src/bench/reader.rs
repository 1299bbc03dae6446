//! The plain consumer: what reading costs when nothing is done with what is read.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use broker::{Channel, Connection, Deliveries, Delivery, Endpoint, Error, Message, Offset, Outbox};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use topology::names;
use trade::{Alert, OVER_PURCHASE, TIME_HEADER, Trade, alert_id, read_batch};

use crate::bench::clock::Clock;
use crate::bench::latency::Latency;
use crate::bench::progress::Progress;
use crate::bench::waybills::Waybills;

/// As an auditor has them.
const PREFETCH: u16 = 256;
const ACK_EVERY: u16 = 16;
const WINDOW: usize = 256;

const TAG: &str = "publisher bench reader";

/// The readers of all shards: one connection in and one out, a channel each.
pub(crate) struct Readers {
    readers: Vec<Reader>,
    // They close when they are dropped.
    _connections: [Connection; 2],
}

/// Reads one shard.
pub(crate) struct Reader {
    stream: String,
    channel: Channel,
    deliveries: Deliveries,
    unacknowledged: u16,
    outbox: Outbox<()>,
    read: Read,
}

/// What readers have read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) due_to_read: Latency,
    /// When the last trade that was measured was read.
    pub(crate) last_us: u64,
}

impl Readers {
    /// Begins to consume the shards, from now on.
    pub(crate) async fn open(endpoint: &Endpoint, shards: u32) -> Result<Self> {
        let inbound = broker::connect(endpoint, &format!("{TAG} in")).await?;
        let outbound = broker::connect(endpoint, &format!("{TAG} out")).await?;
        let auditors = inbound
            .channel()
            .await?
            .queue_status(names::AUDITORS)
            .await
            .with_context(|| format!("look for auditors in {}", names::AUDITORS))?
            .consumers;
        if auditors > 0 {
            bail!("measure the limit: auditors are at work ({auditors}); stop them first");
        }
        let mut readers = Vec::new();
        for shard in 0..shards {
            let stream = names::shard_stream(shards, shard);
            let channel = inbound.channel().await?;
            let deliveries = channel
                .consume(&stream, TAG, PREFETCH, Some(Offset::Next))
                .await
                .with_context(|| format!("read {stream}"))?;
            readers.push(Reader {
                stream,
                channel,
                deliveries,
                unacknowledged: 0,
                outbox: Outbox::new(Arc::new(outbound.publisher(WINDOW).await?)),
                read: Read::new()?,
            });
        }
        Ok(Self {
            readers,
            _connections: [inbound, outbound],
        })
    }

    /// Reads until `stop` is cancelled.
    pub(crate) async fn run(
        self,
        clock: Clock,
        progress: Arc<Progress>,
        waybills: Arc<Waybills>,
        stop: CancellationToken,
    ) -> Result<Read> {
        let mut tasks = tokio::task::JoinSet::new();
        for reader in self.readers {
            let (progress, waybills) = (Arc::clone(&progress), Arc::clone(&waybills));
            let stop = stop.clone();
            tasks.spawn(async move { reader.run(clock, &progress, &waybills, &stop).await });
        }
        let mut all = Read::new()?;
        while let Some(read) = tasks.join_next().await {
            let read = read.context("read a shard")??;
            all.due_to_read.add(&read.due_to_read);
            all.last_us = all.last_us.max(read.last_us);
        }
        Ok(all)
    }
}

impl Reader {
    async fn run(
        mut self,
        clock: Clock,
        progress: &Progress,
        waybills: &Waybills,
        stop: &CancellationToken,
    ) -> Result<Read> {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(self.read),
                Some(sent) = self.outbox.next(), if !self.outbox.is_empty() => {
                    sent?;
                }
                delivery = self.deliveries.next(), if self.outbox.has_room() => {
                    let lost = || Error::Lost(format!("the consumer of {} ended", self.stream));
                    let delivery = delivery.ok_or_else(lost)??;
                    let tag = delivery.tag();
                    let trades = self.take(&delivery, &clock, waybills)?;
                    progress.read.add(trades);
                    self.unacknowledged += 1;
                    if self.unacknowledged == ACK_EVERY {
                        self.unacknowledged = 0;
                        self.channel.ack(tag, true).await?;
                    }
                }
            }
        }
    }

    /// Parses the trades of a message; gives how many they are.
    fn take(&mut self, delivery: &Delivery, clock: &Clock, waybills: &Waybills) -> Result<usize> {
        let number = delivery.message_id().and_then(|id| id.parse().ok());
        // Nobody's, or one of ours that came before.
        let Some(tags) = number.and_then(|number| waybills.take(number)) else {
            return Ok(0);
        };
        let mut items = read_batch(delivery.body());
        for tag in &tags {
            let item = items.next().context("read as many trades as were sent")?;
            let trade = item.trade.context("read a trade")?;
            if tag.tips
                && let Trade::Purchase(purchase) = &trade
            {
                let alert = alert(purchase, delivery.integer(TIME_HEADER));
                self.outbox.push((), message(&alert));
            }
        }
        let now_us = clock.now_us();
        for tag in tags.iter().filter(|tag| clock.is_measured(tag.due_us)) {
            let took_us = now_us.saturating_sub(tag.due_us);
            self.read.due_to_read.record(took_us);
            self.read.last_us = now_us;
        }
        Ok(tags.len())
    }
}

impl Read {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            due_to_read: Latency::new()?,
            last_us: 0,
        })
    }
}

/// What an auditor would say, as far as one purchase tells it.
fn alert(purchase: &trade::Purchase<'_>, time_us: Option<i64>) -> Alert {
    Alert {
        alert_id: alert_id(OVER_PURCHASE, &purchase.order_id),
        kind: OVER_PURCHASE.to_owned(),
        order_id: purchase.order_id.to_string(),
        client: purchase.client.to_string(),
        stock: purchase.stock.to_string(),
        requested: 0,
        purchased: purchase.shares.into(),
        excess: purchase.shares.into(),
        tipped_by: purchase.id.to_string(),
        opened_time_us: time_us,
        raised_time_us: time_us,
    }
}

fn message(alert: &Alert) -> Message {
    Message {
        exchange: names::ALERT.to_owned(),
        routing_key: alert.routing_key(),
        body: alert.to_json().into(),
        content_type: Some("application/json"),
        message_id: Some(alert.alert_id.to_string()),
        ..Message::default()
    }
}
