//! One attempt to deliver a parcel to one recipient.

use std::{sync::Arc, time::Duration};

use ledger::{Outcome, Recorded, State};
use tokio_util::sync::CancellationToken;

use crate::{
    crash,
    desk::Desk,
    dispatch::Slot,
    parcel::Parcel,
    retry::milliseconds,
    sink::{Answer, Threshold},
    wording::one_line,
};

/// What is left of a lease when the longest attempt is over: time to record its outcome.
const MARGIN: Duration = Duration::from_secs(60);

/// The lease of what is being sent.
pub(crate) fn lease_ms(desk: &Desk) -> i64 {
    milliseconds(desk.channel.sink.longest_attempt().saturating_add(MARGIN))
}

/// Sends what was claimed and records what came of it. When `abandon` is cancelled it does not
/// wait for an answer any longer. The `slot` is given back as soon as there is an answer.
///
/// # Errors
/// When the ledger fails: what was being sent is in doubt after the next start.
pub(crate) async fn attempt(
    desk: &Arc<Desk>,
    parcel: Parcel,
    slot: Slot,
    abandon: &CancellationToken,
) -> Result<(), ledger::Error> {
    let begun_ms = desk.now_ms();
    let threshold = match parcel.is_begun {
        true => Threshold::default(),
        false => {
            crash::point("claimed");
            ahead(desk, &parcel)
        }
    };
    let answer = match parcel.read(begun_ms) {
        Err(why) => Answer::Refused(why),
        Ok(read) => {
            let longest = desk.channel.sink.longest_attempt();
            let letter = read.letter(desk, &parcel);
            tokio::select! {
                biased;
                answer = desk.channel.sink.send(&letter, &threshold) => answer,
                () = tokio::time::sleep(longest) => threshold.cut_off("no answer in time"),
                () = abandon.cancelled() => threshold.cut_off("stopped before the answer"),
            }
        }
    };
    drop(slot);
    if let Some(error) = threshold.fault() {
        return Err(error.clone());
    }
    if threshold.is_begun() {
        crash::point("answered");
    }
    let outcome = judge(desk, &parcel, begun_ms, answer);
    let recorded = record(desk, &parcel, outcome.clone(), threshold.is_begun()).await?;
    crash::point("recorded");
    report(desk, &parcel, &threshold, &outcome, &recorded);
    Ok(())
}

/// The threshold of what is only claimed.
fn ahead(desk: &Arc<Desk>, parcel: &Parcel) -> Threshold {
    let desk = Arc::clone(desk);
    let (tickets, digest) = (parcel.tickets(), parcel.digest.clone());
    Threshold::ahead(Box::new(move || {
        let (desk, tickets, digest) = (Arc::clone(&desk), tickets.clone(), digest.clone());
        Box::pin(async move {
            let lease_ms = lease_ms(&desk);
            let begun = desk
                .ledger
                .begin(tickets, digest, lease_ms, desk.now_ms())
                .await?;
            Ok(begun.iter().all(|begun| *begun))
        })
    }))
}

/// An attempt that ended before it began counts as one too: both are asked for at once, so that
/// they share a commit.
async fn record(
    desk: &Desk,
    parcel: &Parcel,
    outcome: Outcome,
    is_begun: bool,
) -> Result<Vec<Recorded>, ledger::Error> {
    let now_ms = desk.now_ms();
    let recorded = desk.ledger.record(parcel.tickets(), outcome, now_ms);
    if is_begun {
        return recorded.await;
    }
    let (tickets, digest) = (parcel.tickets(), parcel.digest.clone());
    let begun = desk.ledger.begin(tickets, digest, lease_ms(desk), now_ms);
    let (begun, recorded) = futures::join!(begun, recorded);
    begun.and(recorded)
}

/// Turns an answer into an outcome: the one place where retries are given up.
fn judge(desk: &Desk, parcel: &Parcel, begun_ms: i64, answer: Answer) -> Outcome {
    match answer {
        Answer::Delivered(words) => Outcome::Delivered(words),
        Answer::Refused(words) => Outcome::Failed(words),
        Answer::Unknown(words) => Outcome::InDoubt(words),
        Answer::NotTaken { why, after } => {
            let attempts = parcel.attempts().saturating_add(1);
            let first_try_ms = parcel.first_try_ms().unwrap_or(begun_ms);
            match next_try(desk, parcel, attempts, first_try_ms, after) {
                Ok(at_ms) => Outcome::RetryAt { at_ms, note: why },
                Err(give_up) => {
                    Outcome::Failed(format!("{give_up} after {attempts} attempts: {why}"))
                }
            }
        }
    }
}

/// When a parcel may be tried again. Quiet hours do not count towards the deadline.
pub(crate) fn next_try(
    desk: &Desk,
    parcel: &Parcel,
    attempts: u32,
    first_try_ms: i64,
    asked: Option<Duration>,
) -> Result<i64, crate::retry::GiveUp> {
    let now_ms = desk.now_ms();
    let quiet = desk.channel.limits.quiet;
    let quiet_ms = quiet.map_or(0, |quiet| quiet.within(first_try_ms, now_ms));
    let first_try_ms = first_try_ms.saturating_add(quiet_ms);
    let key = parcel.digest.as_ref().unwrap_or(&parcel.first.alert);
    let chance = chance(key, &parcel.recipient, attempts);
    let retry = desk.channel.retry;
    retry.next(attempts, first_try_ms, now_ms, asked, chance)
}

/// A number that spreads retries and needs no source of randomness.
fn chance(alert: &str, recipient: &str, attempts: u32) -> u64 {
    let hash = ledger::hash(format!("{alert}\n{recipient}\n{attempts}").as_bytes());
    hash[..8]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Counts each entry, logs the parcel once.
fn report(
    desk: &Desk,
    parcel: &Parcel,
    threshold: &Threshold,
    outcome: &Outcome,
    recorded: &[Recorded],
) {
    let tally = &desk.tally;
    for (content, recorded) in parcel.contents().zip(recorded) {
        match recorded {
            Recorded::Now(State::Delivered) => tally.delivered.add(1),
            Recorded::Now(State::RetryAt) => {
                tally.retried.add(1);
                continue; // still in flight
            }
            Recorded::Now(State::InDoubt) => tally.in_doubt.add(1),
            Recorded::Now(_) => {
                tally.failed.add(1);
                desk.knell.notify_one();
            }
            Recorded::Stale => {}
        }
        if let Ok(alert) = content.alert.parse() {
            desk.flights.settle(alert, 1);
        }
    }
    let recipient = one_line(&parcel.recipient, 100);
    let words = match outcome {
        Outcome::Delivered(words) | Outcome::Failed(words) | Outcome::InDoubt(words) => words,
        Outcome::RetryAt { note, .. } => note,
    };
    match recorded.first() {
        Some(Recorded::Now(State::Delivered)) => {
            tracing::debug!(alert = %parcel, recipient, words, "delivered");
        }
        Some(Recorded::Now(State::RetryAt)) => {
            tracing::info!(alert = %parcel, recipient, words, "not delivered yet: will be tried again");
        }
        Some(Recorded::Now(State::InDoubt)) => {
            tracing::error!(alert = %parcel, recipient, words, "in doubt: it may have been delivered or not");
        }
        Some(Recorded::Now(_)) => {
            tracing::error!(alert = %parcel, recipient, words, "failed: it will not be delivered");
        }
        Some(Recorded::Stale) | None if !threshold.is_begun() => {
            tracing::debug!(alert = %parcel, recipient, words, "not sent: its lease ended before");
        }
        Some(Recorded::Stale) | None => {
            tracing::error!(alert = %parcel, recipient, words, "not recorded: it is settled already");
        }
    }
}
