//! The owner's loop: it reads the log, publishes effects, and records progress.

use std::sync::Arc;
use std::time::Duration;

use broker::{Delivered, Error, Header, Host, Link, Message, Offset, Outbox, Sent};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::keeper::Keeper;
use crate::machine::{FORWARDED_HEADER, Machine};
use crate::owner::Owner;
use crate::shard::{Arrived, Shard, WrongLog};
use crate::stream::{DeliveryOf, Stream, first_message, newest_offset};
use crate::take_over::TakeOver;
use crate::token::Token;

/// How long a stream may stay silent although the token says that there is something to read.
const SILENCE: Duration = Duration::from_secs(5);

/// How long the next message of a chunk may take when the log's end is looked for because the
/// log seems to be another one than the token's.
const SLOW_BROKER: Duration = Duration::from_secs(1);

/// The same when only a figure for the operator depends on it.
const USUAL_BROKER: Duration = Duration::from_millis(100);

/// Why an owner stopped reading.
pub(crate) enum Left {
    Stopped,
    GaveBack,
    /// The token does not belong to the log: read it from its start.
    WrongLog,
    /// Another token turned up that knows more: begin from there.
    KnowsMore(Token),
}

/// A shard in its owner's hands.
pub(crate) struct Reading<'a, H: Host, M, F> {
    owner: &'a Owner<H, F>,
    shard: &'a mut Shard<M>,
    keeper: &'a mut Keeper<H::Link>,
    stream: Stream<H::Link>,
    outbox: Outbox<u64, <H::Link as Link>::Publisher>,
    effects: Vec<Message>,
    take_over: TakeOver,
    written_at: Instant,
    silent_since: Instant,
}

impl<'a, H: Host, M: Machine, F: Send + Sync> Reading<'a, H, M, F> {
    /// Begins where the shard says.
    pub(crate) async fn begin(
        owner: &'a Owner<H, F>,
        shard: &'a mut Shard<M>,
        keeper: &'a mut Keeper<H::Link>,
    ) -> Result<Self, Error> {
        let now = Instant::now();
        let stream = Stream::open(
            &*owner.inbound,
            owner.config.stream(owner.index),
            format!("{}-stream", owner.config.name),
            owner.config.prefetch,
            shard.start().map_or(Offset::First, Offset::At),
        )
        .await?;
        let take_over = TakeOver::begin(owner.index, shard.start(), shard.is_rebuilt(), now);
        Ok(Reading {
            owner,
            shard,
            keeper,
            stream,
            outbox: Outbox::new(Arc::clone(&owner.publisher)),
            effects: Vec::new(),
            take_over,
            written_at: now,
            silent_since: now,
        })
    }

    /// Reads until something ends it. When the shard is to be handed over, all effects of what
    /// was read are confirmed, or the deadline for that has passed.
    pub(crate) async fn until_it_ends(mut self, stop: &CancellationToken) -> Result<Left, Error> {
        let left = self.go_on(stop).await?;
        self.stream.end().await;
        match left {
            Left::Stopped | Left::GaveBack if self.shard.is_known() => {
                drain(self.owner, &mut self.outbox, self.shard).await?;
            }
            // They come again, if they were right.
            _ => {}
        }
        Ok(left)
    }

    fn may_publish(&self) -> bool {
        !self.outbox.is_empty() && self.shard.is_known()
    }

    fn has_room(&self) -> bool {
        self.outbox.has_room() && self.shard.has_room()
    }

    async fn go_on(&mut self, stop: &CancellationToken) -> Result<Left, Error> {
        let owner = self.owner;
        let mut tick = interval(owner.config.progress_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looking = true;
        let mut end = Box::pin(owner.newest_offset(USUAL_BROKER));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Left::Stopped),
                () = owner.seat.asked_back() => {
                    Counters::add(&owner.counters.given_back, 1);
                    return Ok(Left::GaveBack);
                }
                Some(sent) = self.outbox.next(), if self.may_publish() => {
                    owner.sent(self.shard, &sent?);
                }
                token = self.keeper.next() => {
                    let token = token?;
                    if self.shard.knows_less_than(&token) {
                        return Ok(Left::KnowsMore(token));
                    }
                }
                _ = tick.tick() => if self.is_wrong_log().await? {
                    return Ok(Left::WrongLog);
                } else {
                    self.record_progress();
                    self.stream.acknowledge().await?;
                },
                newest = &mut end, if looking => {
                    looking = false;
                    self.take_over.found_end(newest?);
                }
                next = self.stream.next(), if self.has_room() => {
                    let (offset, delivery) = next?;
                    // Effects are sent by another task, which this one holds up as long as there
                    // is something to read.
                    if self.may_publish() {
                        yield_now().await;
                    }
                    if let Some(left) = self.read(offset, &delivery).await? {
                        return Ok(left);
                    }
                }
            }
        }
    }

    /// Whether the log turns out to be another one than the token's although reading has not got
    /// to the message that shows it, because it gets nothing, or may hold back no more effects.
    async fn is_wrong_log(&mut self) -> Result<bool, Error> {
        if self.shard.is_known() {
            return Ok(false);
        }
        if !self.has_room() {
            return self.is_another_at_its_mark().await;
        }
        if self.silent_since.elapsed() <= SILENCE {
            return Ok(false);
        }
        self.silent_since = Instant::now();
        // Silence by itself says nothing: the broker may be slow.
        let newest = self.owner.newest_offset(SLOW_BROKER).await?;
        let is_wrong = newest.is_some() && newest < self.shard.read_before();
        if is_wrong {
            tracing::error!(
                shard = self.owner.index,
                from = self.shard.start(),
                read = self.shard.read_before(),
                "the log ends before what was read of it; reading it from its start"
            );
        }
        Ok(is_wrong)
    }

    /// Looks up the message by which the token's log is recognised.
    async fn is_another_at_its_mark(&mut self) -> Result<bool, Error> {
        let Some(offset) = self.shard.read_before() else {
            return Ok(false);
        };
        let owner = self.owner;
        let looked_up = owner.first_message(Offset::At(offset), SLOW_BROKER).await?;
        let Some((offset, delivery)) = looked_up else {
            return Ok(false);
        };
        let recognised = self.shard.recognise(owner.arrived(offset, &delivery));
        if let Err(error) = recognised {
            owner.say_wrong_log(error);
        }
        Ok(recognised.is_err())
    }

    fn record_progress(&mut self) {
        let token = self.shard.progress().to_json();
        let due = token != self.keeper.last_written()
            || self.written_at.elapsed() > self.owner.config.renew_after;
        if due && !self.keeper.is_writing() {
            self.keeper.begin_write(token);
            self.written_at = Instant::now();
        }
    }

    /// Reads the next message; gives why this was the last one, if it was.
    async fn read(
        &mut self,
        offset: u64,
        delivery: &DeliveryOf<H::Link>,
    ) -> Result<Option<Left>, Error> {
        let owner = self.owner;
        self.silent_since = Instant::now();
        let missing = self.shard.gap_before(offset);
        let message = Arrived {
            after_gap: owner.is_gap(missing, offset).await?,
            ..owner.arrived(offset, delivery)
        };
        let clock_us = owner.host.clock_us();
        let suppressed = match self.shard.apply(message, clock_us, &mut self.effects) {
            Ok(suppressed) => suppressed,
            Err(error) => {
                owner.say_wrong_log(error);
                return Ok(Some(Left::WrongLog));
            }
        };
        let [read_header, published_header] = owner.config.stamp_headers;
        for mut effect in self.effects.drain(..) {
            let published_us = owner.host.clock_us();
            effect.headers.extend([
                (read_header, Header::Int(clock_us)),
                (published_header, Header::Int(published_us)),
            ]);
            self.outbox.push(offset, effect);
        }
        let replayed = self.take_over.read(offset, self.shard.is_rebuilt());
        Counters::add(&owner.counters.messages, 1);
        Counters::add(&owner.counters.replayed, u64::from(replayed));
        Counters::add(&owner.counters.suppressed, u64::from(suppressed));
        self.stream.read(delivery).await?;
        let is_full = !self.shard.is_known() && !self.has_room();
        if is_full && self.is_another_at_its_mark().await? {
            return Ok(Some(Left::WrongLog));
        }
        Ok(None)
    }
}

impl<H: Host, F> Owner<H, F> {
    fn arrived<'d>(&self, offset: u64, delivery: &'d DeliveryOf<H::Link>) -> Arrived<'d> {
        Arrived {
            offset,
            time_us: delivery.integer(self.config.time_header),
            forwarded: delivery.text(FORWARDED_HEADER).is_some(),
            after_gap: false,
            body: delivery.body(),
        }
    }

    fn say_wrong_log(&self, error: WrongLog) {
        tracing::error!(shard = self.index, %error, "reading the log from its start");
    }

    fn sent<M: Machine>(&self, shard: &mut Shard<M>, sent: &Sent<u64>) {
        Counters::add(&self.counters.effects, 1);
        Counters::add(&self.counters.retried, sent.retries);
        shard.confirmed(sent.tag);
    }

    /// Says how many messages retention took before the one at `offset`, if any. The broker keeps
    /// entries of its own in a stream, which are never delivered: if the log still reaches back
    /// to where it should, nothing was taken. When the broker does not say, it counts as a gap.
    async fn is_gap(&self, missing: u64, offset: u64) -> Result<bool, Error> {
        if missing == 0 {
            return Ok(false);
        }
        let oldest = self.first_message(Offset::First, SILENCE).await?;
        let oldest = oldest.map(|(offset, _)| offset);
        if oldest.is_some_and(|oldest| oldest <= offset - missing) {
            tracing::debug!(shard = self.index, missing, offset, oldest, "no gap");
            return Ok(false);
        }
        Counters::add(&self.counters.lost_to_retention, missing);
        tracing::error!(
            shard = self.index,
            missing,
            offset,
            "GAP: retention took messages that were not read; their orders may miss an alert"
        );
        Ok(true)
    }

    async fn first_message(
        &self,
        from: Offset,
        patience: Duration,
    ) -> Result<Option<(u64, DeliveryOf<H::Link>)>, Error> {
        let (stream, tag) = (self.config.stream(self.index), &self.config.name);
        first_message(&*self.inbound, &stream, tag, from, patience).await
    }

    async fn newest_offset(&self, patience: Duration) -> Result<Option<u64>, Error> {
        let (stream, tag) = (self.config.stream(self.index), &self.config.name);
        newest_offset(&*self.inbound, &stream, tag, patience).await
    }
}

/// Waits for the confirms of what is on its way, within the deadline.
async fn drain<H: Host, M: Machine, F>(
    owner: &Owner<H, F>,
    outbox: &mut Outbox<u64, <H::Link as Link>::Publisher>,
    shard: &mut Shard<M>,
) -> Result<(), Error> {
    let all = async {
        while let Some(sent) = outbox.next().await {
            owner.sent(shard, &sent?);
        }
        Ok(())
    };
    timeout(owner.config.drain_within, all)
        .await
        .unwrap_or_else(|_| {
            tracing::warn!(
                shard = owner.index,
                "unconfirmed effects are left to the next owner"
            );
            Ok(())
        })
}
