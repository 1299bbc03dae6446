//! One attempt to deliver a parcel to one recipient.

use std::time::Duration;

use ledger::{Outcome, Recorded, State};
use tokio_util::sync::CancellationToken;

use crate::{
    crash,
    desk::Desk,
    parcel::Parcel,
    retry::milliseconds,
    sink::{Answer, Threshold},
    wording::one_line,
};

/// What is left of a lease when the longest attempt is over: time to record its outcome.
const MARGIN: Duration = Duration::from_secs(60);

/// Sends what was claimed and records what came of it. When `abandon` is cancelled it does not
/// wait for an answer any longer.
///
/// # Errors
/// When the ledger fails: what was being sent is in doubt after the next start.
pub(crate) async fn attempt(
    desk: &Desk,
    parcel: Parcel,
    abandon: &CancellationToken,
) -> Result<(), ledger::Error> {
    crash::point("claimed");
    let longest = desk.channel.sink.longest_attempt();
    let lease_ms = milliseconds(longest.saturating_add(MARGIN));
    let begun_ms = desk.now_ms();
    let (tickets, digest) = (parcel.tickets(), parcel.digest.clone());
    let begun = desk
        .ledger
        .begin(tickets, digest, lease_ms, begun_ms)
        .await?;
    let Some(parcel) = parcel.only(&begun) else {
        tracing::debug!("not sent: its lease ended before it began");
        return Ok(());
    };
    crash::point("sending");
    let answer = match parcel.read(begun_ms) {
        Err(why) => Answer::Refused(why),
        Ok(read) => {
            let threshold = Threshold::default();
            let letter = read.letter(desk, &parcel);
            tokio::select! {
                biased;
                answer = desk.channel.sink.send(&letter, &threshold) => answer,
                () = tokio::time::sleep(longest) => threshold.cut_off("no answer in time"),
                () = abandon.cancelled() => threshold.cut_off("stopped before the answer"),
            }
        }
    };
    crash::point("answered");
    let outcome = judge(desk, &parcel, begun_ms, answer);
    let recorded = desk
        .ledger
        .record(parcel.tickets(), outcome.clone(), desk.now_ms())
        .await?;
    crash::point("recorded");
    report(desk, &parcel, &outcome, &recorded);
    Ok(())
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
fn report(desk: &Desk, parcel: &Parcel, outcome: &Outcome, recorded: &[Recorded]) {
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
        Some(Recorded::Stale) | None => {
            tracing::error!(alert = %parcel, recipient, words, "not recorded: it is settled already");
        }
    }
}
