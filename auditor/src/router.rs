//! The router: trades that any client put at the front door, on to their shards.
//!
//! A message is acknowledged only when each of its trades stands in a shard and each unreadable
//! line of it in `Aldebaran.Rejected`, both confirmed. Whatever dies before that, the broker
//! delivers the message again; trades that came twice are counted once by their books.

#[cfg(test)]
mod simulation;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use broker::{Delivered, Error, Header, Host, Lane, Link, Message, Outbox, Proven, hold_sessions};
use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topology::names;
use trade::pack::{Limits, Packed, Packer};
use trade::{NDJSON, TIME_HEADER, read_batch, shard_of};

use crate::rejected::{Reason, Rejections};
use crate::tally::Tally;

/// Messages of the front door that may be on their way to the shards, each of any size that the
/// broker takes.
const PREFETCH: u16 = 128;

/// A router waits by the runtime's timers, which are late by up to a millisecond.
const LIMITS: Limits = Limits {
    linger_us: 1000,
    ..Limits::TO_SHARDS
};

/// Unconfirmed messages to the shards.
const WINDOW: usize = 256;

/// What a router works on.
pub(crate) struct Router<H> {
    pub(crate) host: H,
    pub(crate) name: String,
    pub(crate) shards: u32,
    pub(crate) tally: Arc<Tally>,
    pub(crate) drain_within: Duration,
}

impl<H: Host> Router<H> {
    /// Routes until stopped; then what was taken is passed on and acknowledged.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        hold_sessions(&stop, async |proven| self.session(proven, &stop).await).await
    }

    async fn session(&self, proven: &mut Proven, stop: &CancellationToken) -> Result<(), Error> {
        let name = format!("{} router", self.name);
        let Some(inbound) = self.host.connect(&name, stop).await? else {
            return Ok(());
        };
        let Some(outbound) = self.host.connect(&name, stop).await? else {
            return Ok(());
        };
        let channel = inbound.channel().await?;
        let mut door = channel
            .consume(names::TRADE_DATA, &self.name, PREFETCH, None)
            .await?;
        let publisher = outbound.publisher(WINDOW).await?;
        proven.set();

        let mut desk = Desk::new(self, publisher, channel);
        loop {
            let due = desk.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(sent) = desk.outbox.next(), if !desk.outbox.is_empty() => {
                    desk.settle(&sent?.tag).await?;
                }
                () = at(due) => desk.pass_on_due(),
                delivery = door.next(), if desk.outbox.has_room() => match delivery {
                    Some(delivery) => desk.take(&delivery?),
                    None => return Err(Error::Cancelled(names::TRADE_DATA.to_owned())),
                }
            }
        }
        desk.channel.cancel(&self.name).await?;
        match tokio::time::timeout(self.drain_within, desk.clear(door)).await {
            Ok(cleared) => cleared?,
            Err(_) => {
                tracing::warn!("what the router had not passed on in time stays at the front door");
            }
        }
        drop(desk);
        inbound.close().await;
        outbound.close().await;
        Ok(())
    }
}

/// What comes through the front door.
type Deliveries<H> = <<<H as Host>::Link as Link>::Channel as Lane>::Deliveries;

/// The messages that are being passed on.
struct Desk<'a, H: Host> {
    router: &'a Router<H>,
    channel: <H::Link as Link>::Channel,
    outbox: Outbox<Vec<u64>, <H::Link as Link>::Publisher>,
    packer: Packer<u64>,
    /// For each delivery since the last acknowledged one, how many of its trades are not
    /// confirmed. The broker numbers the deliveries of a channel without a gap.
    open: VecDeque<usize>,
    first_open: u64,
    began: Instant,
}

impl<'a, H: Host> Desk<'a, H> {
    fn new(
        router: &'a Router<H>,
        publisher: <H::Link as Link>::Publisher,
        channel: <H::Link as Link>::Channel,
    ) -> Self {
        Desk {
            channel,
            outbox: Outbox::new(Arc::new(publisher)),
            packer: Packer::new(router.shards, LIMITS),
            open: VecDeque::new(),
            first_open: 1,
            began: Instant::now(),
            router,
        }
    }

    /// Takes a message apart and its trades on.
    fn take(&mut self, delivery: &impl Delivered) {
        let tag = delivery.tag();
        let mut rejections = Rejections::of(names::TRADE_DATA, None);
        let mut rejected = Vec::new();
        let mut trades = 0;
        for item in read_batch(delivery.body()) {
            match &item.trade {
                Ok(trade) => {
                    trades += 1;
                    self.pack(trade.order_id(), item.raw, tag);
                }
                Err(unreadable) => {
                    Tally::add(&self.router.tally.unreadable, 1);
                    rejected.extend(rejections.reject(&item, &unreadable.into()));
                }
            }
        }
        if trades == 0 && rejected.is_empty() {
            let reason = Reason {
                word: "empty",
                detail: "no trade in the message".to_owned(),
            };
            rejected.extend(rejections.reject_whole(delivery.body(), &reason));
        }
        rejected.extend(rejections.rest());
        self.open.push_back(trades + rejected.len());
        for message in rejected {
            self.outbox.push(vec![tag], message);
        }
        Tally::add(&self.router.tally.routed, trades as u64);
    }

    fn pack(&mut self, order_id: &str, raw: &[u8], tag: u64) {
        let shard = shard_of(order_id, self.router.shards);
        let now_us = self.now_us();
        // A trade that was spread over lines is put on one: outside strings JSON has no line
        // breaks that matter, and inside it has none.
        let one_line: Vec<u8>;
        let line = if memchr::memchr2(b'\n', b'\r', raw).is_some() {
            one_line = raw
                .iter()
                .map(|byte| if byte.is_ascii_control() { b' ' } else { *byte })
                .collect();
            &one_line
        } else {
            raw
        };
        if let Some(packed) = self.packer.push(shard, line, tag, now_us) {
            self.pass_on(packed);
        }
    }

    fn pass_on(&mut self, packed: Packed<u64>) {
        let message = Message {
            exchange: names::shards_exchange(self.router.shards),
            routing_key: packed.shard.to_string(),
            body: packed.body.into(),
            content_type: Some(NDJSON),
            headers: vec![(TIME_HEADER, Header::Int(self.router.host.clock_us()))],
            ..Message::default()
        };
        self.outbox.push(packed.tags, message);
    }

    /// When a message has waited long enough; `None` if none waits.
    fn next_due(&self) -> Option<Instant> {
        Some(self.began + Duration::from_micros(self.packer.next_due_us()?))
    }

    fn pass_on_due(&mut self) {
        let now_us = self.now_us();
        while let Some(packed) = self.packer.pop_due(now_us) {
            self.pass_on(packed);
        }
    }

    /// Notes that a message with trades of these deliveries is confirmed, and acknowledges the
    /// deliveries up to the first that is not settled.
    async fn settle(&mut self, tags: &[u64]) -> Result<(), Error> {
        for tag in tags {
            let place = usize::try_from(tag - self.first_open).unwrap_or(usize::MAX);
            if let Some(left) = self.open.get_mut(place) {
                *left = left.saturating_sub(1);
            }
        }
        let mut settled = 0;
        while self.open.front() == Some(&0) {
            self.open.pop_front();
            settled += 1;
        }
        if settled == 0 {
            return Ok(());
        }
        self.first_open += settled;
        self.channel.ack(self.first_open - 1, true).await
    }

    /// Takes what the broker had sent ahead of the end, passes everything on and waits for its
    /// confirms.
    async fn clear(&mut self, mut ahead: Deliveries<H>) -> Result<(), Error> {
        while let Some(delivery) = ahead.next().await {
            self.take(&delivery?);
            while !self.outbox.has_room()
                && let Some(sent) = self.outbox.next().await
            {
                self.settle(&sent?.tag).await?;
            }
        }
        while let Some(packed) = self.packer.pop_any() {
            self.pass_on(packed);
        }
        while let Some(sent) = self.outbox.next().await {
            self.settle(&sent?.tag).await?;
        }
        Ok(())
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Waits until then; for ever if there is no then.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
