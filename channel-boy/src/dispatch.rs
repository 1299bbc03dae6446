//! From the ledger to the sink: claims what is due, keeps so many attempts going, tidies up.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{attempt, chance},
    clock::now_ms,
    config::OnInDoubt,
    desk::Desk,
    retry::milliseconds,
};

/// A claim is begun at once; one that was not after this long goes back.
const CLAIM_LEASE_MS: i64 = 30_000;
/// Between sweeps.
const TICK: Duration = Duration::from_secs(1);
/// Old entries deleted in one go, and goes in one tick.
const PRUNE_AT_ONCE: usize = 1000;
const PRUNES: usize = 10;
/// Entries in doubt taken up for sending again in one tick.
const RESEND_AT_ONCE: usize = 100;
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
    let abandon = CancellationToken::new();
    let mut attempts = Attempts::new();
    let ended = deliver(desk, limits, &mut attempts, &abandon, stop).await;
    let drained = drain(limits, &mut attempts, &abandon).await;
    ended.and(drained)
}

async fn deliver(
    desk: &Arc<Desk>,
    limits: Limits,
    attempts: &mut Attempts,
    abandon: &CancellationToken,
    stop: &CancellationToken,
) -> Result<(), ledger::Error> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = 0;
    // Whether something may be due, and if not, when to look again.
    let mut look = true;
    let mut next_look = Instant::now();
    while !stop.is_cancelled() {
        let free = desk.channel.concurrency.saturating_sub(attempts.len());
        if look && free > 0 {
            let claimed = claim(desk, free, attempts, abandon).await?;
            look = claimed == free;
            if !look {
                next_look = Instant::now() + until_next(desk).await?;
            }
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = attempts.join_next() => settle(ended)?,
            () = desk.bell.notified() => look = true,
            () = sleep_until(next_look), if !look => look = true,
            _ = ticks.tick() => {
                tidy(desk, limits, tick).await?;
                tick += 1;
            }
        }
    }
    Ok(())
}

async fn claim(
    desk: &Arc<Desk>,
    limit: usize,
    attempts: &mut Attempts,
    abandon: &CancellationToken,
) -> Result<usize, ledger::Error> {
    let name = &desk.channel.name;
    let claims = desk
        .ledger
        .claim(name, limit, CLAIM_LEASE_MS, now_ms())
        .await?;
    let claimed = claims.len();
    for claim in claims {
        let (desk, abandon) = (Arc::clone(desk), abandon.clone());
        attempts.spawn(async move { attempt(&desk, claim, &abandon).await });
    }
    Ok(claimed)
}

/// How long until the next entry is due; a tick at most, so that a clock that was set back
/// does no harm.
async fn until_next(desk: &Desk) -> Result<Duration, ledger::Error> {
    let due_ms = desk.ledger.next_due(&desk.channel.name).await?;
    let wait_ms = due_ms.map_or(i64::MAX, |due_ms| due_ms.saturating_sub(now_ms()));
    let wait = Duration::from_millis(wait_ms.max(1).unsigned_abs());
    Ok(wait.min(TICK))
}

async fn tidy(desk: &Desk, limits: Limits, tick: u64) -> Result<(), ledger::Error> {
    let swept = desk.ledger.sweep(now_ms()).await?;
    if swept.in_doubt > 0 {
        desk.tally.in_doubt.add(swept.in_doubt);
        tracing::error!(
            entries = swept.in_doubt,
            "in doubt: no outcome came in time"
        );
    }
    if desk.channel.on_in_doubt == OnInDoubt::Resend {
        resend(desk).await?;
    }
    let (open, in_doubt) = desk.count().await?;
    if tick % TALLY_TICKS == TALLY_TICKS - 1 {
        tracing::debug!(open, in_doubt_in_all = in_doubt, "so far: {}", desk.tally);
    }
    if tick < PRUNE_FROM_TICK {
        return Ok(());
    }
    let before_ms = now_ms().saturating_sub(milliseconds(limits.keep));
    for _ in 0..PRUNES {
        let pruned = desk.ledger.prune(before_ms, PRUNE_AT_ONCE).await?;
        if pruned < PRUNE_AT_ONCE as u64 {
            break;
        }
    }
    Ok(())
}

/// Takes up what is in doubt, under the same pauses and deadline as any retry; past the
/// deadline it stays in doubt.
async fn resend(desk: &Desk) -> Result<(), ledger::Error> {
    let retry = desk.channel.retry;
    let since_ms = now_ms().saturating_sub(milliseconds(retry.give_up_after));
    let doubts = desk
        .ledger
        .doubts(&desk.channel.name, since_ms, RESEND_AT_ONCE)
        .await?;
    for doubt in doubts {
        let chance = chance(&doubt.alert, &doubt.recipient, doubt.attempts);
        let now_ms = now_ms();
        let next = retry.next(doubt.attempts, doubt.first_try_ms, now_ms, None, chance);
        let Some(at_ms) = next else { continue };
        if desk.ledger.resend(doubt.ticket, at_ms, now_ms).await? {
            desk.tally.resent.add(1);
            tracing::warn!(
                alert = doubt.alert,
                "in doubt: will be sent again, perhaps twice"
            );
            desk.bell.notify_one();
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
