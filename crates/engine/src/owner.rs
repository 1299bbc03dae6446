//! One shard in one process: in the line for its token, then its owner, then in the line again.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use broker::{Channel, Connection, Deliveries, Error, Offset, Outbox, Publisher, Sent};
use futures::StreamExt;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::keeper::Keeper;
use crate::machine::{FORWARDED_HEADER, Machine};
use crate::roster::Seat;
use crate::run::Config;
use crate::shard::{Arrived, Shard};
use crate::token::Token;

/// Deliveries are acknowledged this many at a time: an acknowledgement is only credit.
const ACK_EVERY: u16 = 16;

/// How long a blank token waits for a better one that may stand behind it in the queue: longer
/// than a hand-over's last word takes to be written.
const GATHER: Duration = Duration::from_millis(500);

/// A token that turns up late is worth beginning anew if it saves reading this many messages.
const WORTH_SKIPPING: u64 = 1000;

/// How long a stream may stay silent although the token says that there is something to read.
const SILENCE: Duration = Duration::from_secs(5);

/// How often somebody in the line looks whether the token is lost.
const SEED_EVERY: Duration = Duration::from_secs(30);

/// What the owner of one shard works with.
pub(crate) struct Owner<F> {
    pub(crate) index: u32,
    pub(crate) config: Arc<Config>,
    pub(crate) inbound: Arc<Connection>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) machine: Arc<F>,
}

/// Why an owner stopped reading.
enum Left {
    Stopped,
    GaveBack,
    /// The token does not belong to the log: read it from its start.
    WrongLog,
    /// Another token turned up that knows more: begin from there.
    KnowsMore,
}

impl<M: Machine, F: Fn(u32) -> M> Owner<F> {
    /// Owns the shard whenever it can, until stopped or an error ends the session.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        while !stop.is_cancelled() {
            let mut keeper = Keeper::join(
                &self.config.progress_queue(self.index),
                &self.config.name,
                &self.inbound,
                Arc::clone(&self.publisher),
                Arc::clone(&self.counters),
            )
            .await?;
            let Some(mut token) = self.wait_in_line(&mut keeper, &stop).await? else {
                keeper.leave().await;
                return Ok(());
            };
            self.seat.take();
            Counters::add(&self.counters.taken_over, 1);
            let outcome = loop {
                let mut shard =
                    Shard::take_over((self.machine)(self.index), token, self.config.skew_us());
                match self.read(&mut shard, &mut keeper, &stop).await {
                    Ok(Left::WrongLog) => {
                        Counters::add(&self.counters.bad_tokens, 1);
                        token = Token::default();
                    }
                    Ok(Left::KnowsMore) => token = shard.progress(),
                    Ok(Left::Stopped | Left::GaveBack) => break Ok(shard.progress().to_json()),
                    Err(error) => break Err(error),
                }
            };
            self.seat.leave();
            match timeout(self.config.drain_within, keeper.hand_over(outcome?)).await {
                Ok(handed_over) => {
                    handed_over?;
                    tracing::info!(shard = self.index, "handed over");
                }
                Err(_) => {
                    tracing::warn!(
                        shard = self.index,
                        "the broker took no last word about progress in time; the next owner reads more"
                    );
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits for the token. `None` when stopped first.
    async fn wait_in_line(
        &self,
        keeper: &mut Keeper,
        stop: &CancellationToken,
    ) -> Result<Option<Token>, Error> {
        let mut seeding = interval(SEED_EVERY);
        let mut token = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                token = keeper.next() => break token?,
                _ = seeding.tick() => tokio::select! {
                    () = stop.cancelled() => return Ok(None),
                    seeded = keeper.seed_if_none_is_ready() => seeded?,
                },
            }
        };
        while token.is_blank() {
            match timeout(GATHER, keeper.next()).await {
                Ok(more) => token = token.merge(more?),
                Err(_) => break,
            }
        }
        Ok(Some(token))
    }

    /// Reads the shard's stream until something ends it. On a good end all effects of what was
    /// read are confirmed, or the deadline for that has passed.
    async fn read(
        &self,
        shard: &mut Shard<M>,
        keeper: &mut Keeper,
        stop: &CancellationToken,
    ) -> Result<Left, Error> {
        let began = Instant::now();
        let start = shard.start();
        let channel = self.inbound.channel().await?;
        let mut stream = Stream::open(&channel, self, start).await?;
        let mut outbox = Outbox::new(Arc::clone(&self.publisher));
        let mut effects = Vec::new();
        let mut tick = interval(self.config.progress_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut written_at = Instant::now();
        let mut silent_since = began;
        let mut behind = !shard.is_rebuilt();
        tracing::info!(shard = self.index, from = start, "took over");
        let left = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Left::Stopped,
                () = self.seat.asked_back() => {
                    Counters::add(&self.counters.given_back, 1);
                    break Left::GaveBack;
                }
                Some(sent) = outbox.next(), if !outbox.is_empty() => self.sent(shard, &sent?),
                token = keeper.next() => {
                    let token = token?;
                    let skipped = token.resume.map_or(0, |resume| resume.offset).saturating_sub(shard.next_offset());
                    shard.learn(token);
                    if skipped > WORTH_SKIPPING {
                        break Left::KnowsMore;
                    }
                }
                _ = tick.tick() => {
                    if !shard.is_rebuilt() && silent_since.elapsed() > SILENCE {
                        silent_since = Instant::now();
                        // Silence by itself says nothing: the broker may be slow.
                        let newest = self.newest_offset().await?;
                        if newest.is_some() && newest < shard.read_before() {
                            tracing::error!(shard = self.index, from = start, read = shard.read_before(),
                                "the log ends before what was read of it; reading it from its start");
                            break Left::WrongLog;
                        }
                    }
                    let token = shard.progress().to_json();
                    let due = token != keeper.last_written() || written_at.elapsed() > self.config.renew_after;
                    if due && !keeper.is_writing() {
                        keeper.begin_write(token);
                        written_at = Instant::now();
                    }
                    stream.acknowledge().await?;
                }
                delivery = stream.next(), if outbox.has_room() => {
                    let delivery = delivery?;
                    silent_since = Instant::now();
                    let Some(offset) = delivery.offset() else {
                        return Err(Error::Protocol(format!(
                            "{} is no stream: its deliveries have no offset",
                            self.config.stream(self.index)
                        )));
                    };
                    self.check_gap(shard.gap_before(offset), offset).await?;
                    let message = Arrived {
                        offset,
                        time_us: delivery.integer(self.config.time_header),
                        forwarded: delivery.text(FORWARDED_HEADER).is_some(),
                        body: delivery.body(),
                    };
                    let suppressed = match shard.apply(message, clock_us(), &mut effects) {
                        Ok(suppressed) => suppressed,
                        Err(error) => {
                            tracing::error!(shard = self.index, %error, "reading the log from its start");
                            break Left::WrongLog;
                        }
                    };
                    Counters::add(&self.counters.messages, 1);
                    Counters::add(&self.counters.replayed, u64::from(behind));
                    Counters::add(&self.counters.suppressed, u64::from(suppressed));
                    for effect in effects.drain(..) {
                        outbox.push(offset, effect);
                    }
                    if behind && shard.is_rebuilt() {
                        behind = false;
                        tracing::info!(shard = self.index, to = offset,
                            took_ms = began.elapsed().as_millis(), "rebuilt");
                    }
                    stream.read(delivery.tag()).await?;
                }
            }
        };
        stream.end().await;
        self.drain(&mut outbox, shard).await?;
        Ok(left)
    }

    fn sent(&self, shard: &mut Shard<M>, sent: &Sent<u64>) {
        Counters::add(&self.counters.effects, 1);
        Counters::add(&self.counters.retried, sent.retries);
        shard.confirmed(sent.tag);
    }

    /// Waits for the confirms of what is on its way, within the deadline.
    async fn drain(&self, outbox: &mut Outbox<u64>, shard: &mut Shard<M>) -> Result<(), Error> {
        let all = async {
            while let Some(sent) = outbox.next().await {
                self.sent(shard, &sent?);
            }
            Ok(())
        };
        timeout(self.config.drain_within, all)
            .await
            .unwrap_or_else(|_| {
                tracing::warn!(
                    shard = self.index,
                    "unconfirmed effects are left to the next owner"
                );
                Ok(())
            })
    }

    /// Says how many messages retention took before the one at `offset`. The broker keeps
    /// entries of its own in a stream, which are never delivered: if the log still reaches back
    /// to where it should, nothing was taken.
    async fn check_gap(&self, missing: u64, offset: u64) -> Result<(), Error> {
        if missing == 0 {
            return Ok(());
        }
        let oldest = self.oldest_offset().await?;
        if oldest.is_none_or(|oldest| oldest <= offset - missing) {
            tracing::debug!(shard = self.index, missing, offset, oldest, "no gap");
            return Ok(());
        }
        Counters::add(&self.counters.lost_to_retention, missing);
        tracing::error!(
            shard = self.index,
            missing,
            offset,
            "GAP: retention took messages that were not read; their orders may miss an alert"
        );
        Ok(())
    }

    /// The oldest message of the stream, if it has any.
    async fn oldest_offset(&self) -> Result<Option<u64>, Error> {
        let (channel, mut messages) = self.look_from(Offset::First).await?;
        let oldest = match timeout(SILENCE, messages.next()).await {
            Ok(Some(delivery)) => delivery?.offset(),
            _ => None,
        };
        channel.close().await;
        Ok(oldest)
    }

    /// The newest message of the stream, if it has any.
    async fn newest_offset(&self) -> Result<Option<u64>, Error> {
        let (channel, mut chunk) = self.look_from(Offset::Last).await?;
        let mut newest = None;
        while let Ok(Some(delivery)) = timeout(Duration::from_secs(1), chunk.next()).await {
            let delivery = delivery?;
            newest = newest.max(delivery.offset());
            channel.ack(delivery.tag(), false).await?;
        }
        channel.close().await;
        Ok(newest)
    }

    /// A second look at the stream, beside the one that reads it.
    async fn look_from(&self, from: Offset) -> Result<(Channel, Deliveries), Error> {
        let channel = self.inbound.channel().await?;
        let tag = format!("{}-look", self.config.name);
        let stream = self.config.stream(self.index);
        let messages = channel
            .consume(&stream, &tag, ACK_EVERY, Some(from))
            .await?;
        Ok((channel, messages))
    }
}

/// A shard's stream as it is read, with its credit.
struct Stream {
    channel: Channel,
    deliveries: Deliveries,
    name: String,
    tag: String,
    /// The newest delivery that was read, and how many are not acknowledged with it.
    newest: u64,
    unacknowledged: u16,
}

impl Stream {
    async fn open<F>(
        channel: &Channel,
        owner: &Owner<F>,
        start: Option<u64>,
    ) -> Result<Self, Error> {
        let name = owner.config.stream(owner.index);
        let from = start.map_or(Offset::First, Offset::At);
        let prefetch = owner.config.prefetch.max(ACK_EVERY);
        let tag = format!("{}-stream", owner.config.name);
        let deliveries = channel.consume(&name, &tag, prefetch, Some(from)).await?;
        Ok(Stream {
            channel: channel.clone(),
            deliveries,
            name,
            tag,
            newest: 0,
            unacknowledged: 0,
        })
    }

    async fn next(&mut self) -> Result<broker::Delivery, Error> {
        self.deliveries
            .next()
            .await
            .unwrap_or_else(|| Err(Error::Cancelled(self.name.clone())))
    }

    /// The consumer goes before its channel: the broker else lists it for ever.
    async fn end(self) {
        let _ = self.channel.cancel(&self.tag).await;
        self.channel.close().await;
    }

    async fn read(&mut self, tag: u64) -> Result<(), Error> {
        self.newest = tag;
        self.unacknowledged += 1;
        if self.unacknowledged < ACK_EVERY {
            return Ok(());
        }
        self.acknowledge().await
    }

    /// Acknowledges the rest, for an idle shard: the broker closes a channel on which a delivery
    /// stays open for long, that of a stream too.
    async fn acknowledge(&mut self) -> Result<(), Error> {
        if self.unacknowledged == 0 {
            return Ok(());
        }
        self.unacknowledged = 0;
        self.channel.ack(self.newest, true).await
    }
}

/// Microseconds since the epoch.
fn clock_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
