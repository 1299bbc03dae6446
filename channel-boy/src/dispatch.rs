//! From the ledger to the sink: claims what is due, as fast as the channel may, keeps so many
//! attempts going, tidies up.

mod parcels;
mod slots;

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::slots::Slot;
use self::slots::Slots;
use crate::{attempt::attempt, desk::Desk, pace::Pace, parcel::Parcel, retry::milliseconds};

/// Attempts whose outcome is not on disk yet, beyond those that are being sent.
const UNRECORDED: usize = 1024;
/// While less than half of the places are free, a claim waits so long for more of them: one claim
/// for many costs as much as one for one.
const GATHER: Duration = Duration::from_millis(1);
/// Between sweeps.
const TICK: Duration = Duration::from_secs(1);
/// Old entries deleted in one go, and goes in one tick.
const PRUNE_AT_ONCE: usize = 1000;
const PRUNES: usize = 10;
/// Nothing is deleted in the first hour: what has waited in the queue since before a long stop
/// must still meet its entry.
const PRUNE_FROM_TICK: u64 = 3600;
/// Between the lines that -v shows, in ticks.
const TALLY_TICKS: u64 = 10;
/// How long attempts that were told to give up may take to record it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a stop goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Attempts may go on for so long after the stop.
    pub(crate) drain: Duration,
    /// Delivered and failed entries are kept for so long.
    pub(crate) keep: Duration,
}

type Attempts = JoinSet<Result<(), ledger::Error>>;

/// Delivers until `stop`, then lets the attempts that are under way end.
///
/// # Errors
/// When the ledger fails.
pub(crate) async fn run(
    desk: &Arc<Desk>,
    limits: Limits,
    stop: &CancellationToken,
) -> Result<(), ledger::Error> {
    let mut dispatch = Dispatch {
        desk: Arc::clone(desk),
        pace: Pace::new(desk.channel.limits.clone()),
        slots: Slots::new(desk.channel.concurrency),
        attempts: Attempts::new(),
        abandon: CancellationToken::new(),
    };
    let ended = tokio::select! {
        ended = dispatch.deliver(limits, stop) => ended,
        // A ledger that is waited for must not keep it from stopping.
        () = async { stop.cancelled().await; tokio::time::sleep(LAST_WORDS).await } => Ok(()),
    };
    let drained = drain(limits, &mut dispatch.attempts, &dispatch.abandon).await;
    ended.and(drained)
}

struct Dispatch {
    desk: Arc<Desk>,
    pace: Pace,
    slots: Arc<Slots>,
    /// Under way, or being recorded.
    attempts: Attempts,
    abandon: CancellationToken,
}

impl Dispatch {
    async fn deliver(
        &mut self,
        limits: Limits,
        stop: &CancellationToken,
    ) -> Result<(), ledger::Error> {
        let desk = Arc::clone(&self.desk);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0;
        // Whether something may be due, and if not, when to look again.
        let mut look = true;
        let mut next_look = Instant::now();
        let mut gathered = None;
        while !stop.is_cancelled() {
            let free = self.free();
            if look && free > 0 && self.is_worth_a_claim(free, &mut gathered) {
                look = false;
                match self.room(free) {
                    Ok(room) => {
                        look = self.send(room).await?;
                        if !look {
                            next_look = Instant::now() + until_next(&desk).await?;
                        }
                    }
                    Err(wait) => next_look = Instant::now() + wait,
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.attempts.join_next() => settle(ended)?,
                () = self.slots.freed() => {}
                () = sleep_until(gathered.unwrap_or(next_look)), if look && gathered.is_some() => {}
                () = desk.bell.notified() => look = true,
                () = sleep_until(next_look), if !look => look = true,
                _ = ticks.tick() => {
                    tidy(&desk, limits, tick).await?;
                    self.pace.tidy(desk.now_ms());
                    tick += 1;
                }
            }
        }
        Ok(())
    }

    /// How many more attempts there may be.
    fn free(&self) -> usize {
        let most = self.desk.channel.concurrency + UNRECORDED;
        self.slots
            .free()
            .min(most.saturating_sub(self.attempts.len()))
    }

    /// Whether so many places are worth a claim, or more of them have been waited for.
    fn is_worth_a_claim(&self, free: usize, gathered: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        let is_worth = free * 2 >= self.desk.channel.concurrency
            || *gathered.get_or_insert(now + GATHER) <= now;
        if is_worth {
            *gathered = None;
        }
        is_worth
    }

    /// How many letters may go now, or how long to wait; a tick at most.
    fn room(&mut self, free: usize) -> Result<usize, Duration> {
        let now_ms = self.desk.now_ms();
        let room = match self.pace.quiet_until(now_ms) {
            Some(at_ms) => Err(at_ms),
            None => self.pace.room(free, now_ms),
        };
        room.map_err(|at_ms| until(at_ms, now_ms))
    }

    /// Claims up to so many entries and starts their attempts; says whether more may be due.
    async fn send(&mut self, room: usize) -> Result<bool, ledger::Error> {
        let claimed = parcels::claim(&self.desk, &mut self.pace, room).await?;
        for parcel in claimed.parcels {
            self.pace.spend(self.desk.now_ms());
            self.start(parcel);
        }
        Ok(claimed.more)
    }

    fn start(&mut self, parcel: Parcel) {
        let (desk, abandon) = (Arc::clone(&self.desk), self.abandon.clone());
        let slot = self.slots.take();
        self.attempts
            .spawn(async move { attempt(&desk, parcel, slot, &abandon).await });
    }
}

/// How long until the next entry is due; a tick at most, so that a clock that was set back
/// does no harm.
async fn until_next(desk: &Desk) -> Result<Duration, ledger::Error> {
    let due_ms = desk.ledger.next_due(&desk.channel.name).await?;
    Ok(until(due_ms.unwrap_or(i64::MAX), desk.now_ms()))
}

fn until(at_ms: i64, now_ms: i64) -> Duration {
    let wait_ms = at_ms.saturating_sub(now_ms);
    Duration::from_millis(wait_ms.max(1).unsigned_abs()).min(TICK)
}

async fn tidy(desk: &Desk, limits: Limits, tick: u64) -> Result<(), ledger::Error> {
    let swept = desk.ledger.sweep(desk.now_ms()).await?;
    if swept.in_doubt > 0 {
        desk.tally.in_doubt.add(swept.in_doubt);
        tracing::error!(
            entries = swept.in_doubt,
            "in doubt: no outcome came in time"
        );
    }
    let (open, in_doubt) = desk.count().await?;
    if tick % TALLY_TICKS == TALLY_TICKS - 1 {
        tracing::debug!(open, in_doubt_in_all = in_doubt, "so far: {}", desk.tally);
    }
    if tick < PRUNE_FROM_TICK {
        return Ok(());
    }
    let before_ms = desk.now_ms().saturating_sub(milliseconds(limits.keep));
    for _ in 0..PRUNES {
        let pruned = desk.ledger.prune(before_ms, PRUNE_AT_ONCE).await?;
        if pruned < PRUNE_AT_ONCE as u64 {
            break;
        }
    }
    Ok(())
}

/// Waits for the attempts under way; those that take too long are told to give up, and record
/// what they know.
async fn drain(
    limits: Limits,
    attempts: &mut Attempts,
    abandon: &CancellationToken,
) -> Result<(), ledger::Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    tracing::info!(
        deliveries = attempts.len(),
        "stopping: deliveries under way may end"
    );
    if let Ok(ended) = timeout(limits.drain, all(attempts)).await {
        return ended;
    }
    tracing::warn!(
        deliveries = attempts.len(),
        "out of time: deliveries are cut off"
    );
    abandon.cancel();
    // What does not even manage to say so is found by the next start.
    timeout(LAST_WORDS, all(attempts)).await.unwrap_or(Ok(()))
}

async fn all(attempts: &mut Attempts) -> Result<(), ledger::Error> {
    while let Some(ended) = attempts.join_next().await {
        settle(ended)?;
    }
    Ok(())
}

/// A panic is a fault of one sink; what it was sending becomes in doubt when its lease ends.
fn settle(ended: Result<Result<(), ledger::Error>, JoinError>) -> Result<(), ledger::Error> {
    ended.unwrap_or_else(|error| {
        tracing::error!("a delivery broke off: {error}");
        Ok(())
    })
}

#[cfg(test)]
mod tests;
