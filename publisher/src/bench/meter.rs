//! Measures what one producer sends.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use broker::{Header, Message};
use tokio::time::Instant;
use trade::TIPS_HEADER;

use crate::bench::clock::Clock;
use crate::bench::latency::Latency;
use crate::bench::load::Load;
use crate::bench::progress::Progress;
use crate::feed::{Counts, Given};
use crate::watch::Watch;

/// Watches the trades and messages of a producer.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    /// Whether trades are due by a schedule; else they are due when they are made.
    is_scheduled: bool,
    progress: Arc<Progress>,
    /// No more is sent while so many alerts are awaited.
    most_awaited: Option<u64>,
    /// Whether messages say which of their trades tip an order, for a plain consumer.
    tells_tips: bool,
    pub(crate) service: Service,
}

/// What goes with a trade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) due_us: u64,
    /// Whether an alert must come of it.
    pub(crate) tips: bool,
}

/// What stays behind of a message until it is confirmed.
#[derive(Debug)]
pub(crate) struct Stub {
    published_us: u64,
    tags: Vec<Tag>,
}

/// How the broker served the producers. One entry a trade, but one a message for
/// `publish_to_confirm`.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) due_to_publish: Latency,
    pub(crate) publish_to_confirm: Latency,
    pub(crate) due_to_confirm: Latency,
    /// Trades that were measured and confirmed.
    pub(crate) measured: u64,
    /// When the last of them was.
    pub(crate) last_us: u64,
}

impl Meter {
    pub(crate) fn new(
        clock: Clock,
        load: &Load,
        tells_tips: bool,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        Ok(Self {
            clock,
            is_scheduled: load.plan.is_some(),
            most_awaited: load.most_awaited,
            progress,
            tells_tips,
            service: Service::new()?,
        })
    }
}

impl Watch for Meter {
    type Tag = Tag;
    type Stub = Stub;

    fn start(&self) -> Instant {
        self.clock.start
    }

    fn tag(&mut self, given: &Given, now_us: u64) -> Tag {
        let due_us = match self.is_scheduled {
            true => given.due_us,
            false => now_us,
        };
        if let Some(over) = &given.over {
            self.progress.received().accounts.sent(over, due_us);
            self.progress.tipped.add(usize::from(over.tips));
        }
        Tag {
            due_us,
            tips: given.over.is_some_and(|over| over.tips),
        }
    }

    fn trade(&mut self, _json: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn message(&mut self, message: &mut Message, tags: Vec<Tag>) -> Stub {
        let published_us = self.clock.now_us();
        for tag in &tags {
            if self.clock.is_measured(tag.due_us) {
                let took_us = published_us.saturating_sub(tag.due_us);
                self.service.due_to_publish.record(took_us);
            }
        }
        if self.tells_tips
            && let Some(places) = tips(&tags)
        {
            message.headers.push((TIPS_HEADER, Header::Text(places)));
        }
        Stub { published_us, tags }
    }

    fn confirmed(&mut self, stub: Stub) {
        let now_us = self.clock.now_us();
        self.progress.confirmed.add(stub.tags.len());
        let service = &mut self.service;
        if self.clock.is_measured(stub.published_us) {
            let took_us = now_us.saturating_sub(stub.published_us);
            service.publish_to_confirm.record(took_us);
        }
        for tag in &stub.tags {
            if self.clock.is_measured(tag.due_us) {
                service
                    .due_to_confirm
                    .record(now_us.saturating_sub(tag.due_us));
                service.measured += 1;
                service.last_us = now_us;
            }
        }
    }

    fn is_ahead(&self) -> bool {
        self.most_awaited
            .is_some_and(|most| self.progress.missing_of_planned() >= most)
    }

    fn pause(&mut self, _counts: Counts, _now_us: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// The places of the trades that tip an order; `None` if there are none.
fn tips(tags: &[Tag]) -> Option<String> {
    let places = (0..).zip(tags).filter(|(_, tag)| tag.tips);
    let places: Vec<_> = places
        .map(|(place, _): (u32, _)| place.to_string())
        .collect();
    (!places.is_empty()).then(|| places.join(","))
}

impl Service {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            due_to_publish: Latency::new()?,
            publish_to_confirm: Latency::new()?,
            due_to_confirm: Latency::new()?,
            measured: 0,
            last_us: 0,
        })
    }

    /// Takes in another producer's.
    pub(crate) fn add(&mut self, other: &Service) {
        self.due_to_publish.add(&other.due_to_publish);
        self.publish_to_confirm.add(&other.publish_to_confirm);
        self.due_to_confirm.add(&other.due_to_confirm);
        self.measured += other.measured;
        self.last_us = self.last_us.max(other.last_us);
    }
}
