//! One attempt to deliver one alert to one recipient.

use std::time::Duration;

use ledger::{Claim, Outcome, Recorded, State};
use tokio_util::sync::CancellationToken;
use trade::Alert;

use crate::{
    clock::now_ms,
    crash,
    desk::Desk,
    retry::milliseconds,
    sink::{Answer, Letter, Threshold},
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
    claim: Claim,
    abandon: &CancellationToken,
) -> Result<(), ledger::Error> {
    crash::point("claimed");
    let sink = &desk.channel.sink;
    let longest = sink.longest_attempt();
    let lease_ms = milliseconds(longest.saturating_add(MARGIN));
    let begun_ms = now_ms();
    if !desk.ledger.begin(claim.ticket, lease_ms, begun_ms).await? {
        tracing::debug!(
            alert = claim.alert,
            "not sent: its lease ended before it began"
        );
        return Ok(());
    }
    crash::point("sending");
    let answer = match Alert::from_json(&claim.payload) {
        Err(error) => Answer::Refused(format!("failed to {error}")),
        Ok(alert) => {
            let letter = Letter {
                channel: &desk.channel.name,
                recipient: &claim.recipient,
                id: alert.alert_id,
                alert: &alert,
                payload: &claim.payload,
                more: &[],
                created_ms: claim.created_ms,
                first_try_ms: claim.first_try_ms.unwrap_or(begun_ms),
            };
            let threshold = Threshold::default();
            tokio::select! {
                biased;
                answer = sink.send(&letter, &threshold) => answer,
                () = tokio::time::sleep(longest) => threshold.cut_off("no answer in time"),
                () = abandon.cancelled() => threshold.cut_off("stopped before the answer"),
            }
        }
    };
    crash::point("answered");
    let outcome = judge(desk, &claim, begun_ms, answer);
    let recorded = desk
        .ledger
        .record(claim.ticket, outcome.clone(), now_ms())
        .await?;
    crash::point("recorded");
    report(desk, &claim, &outcome, recorded);
    Ok(())
}

/// Turns an answer into an outcome: the one place where retries are given up.
fn judge(desk: &Desk, claim: &Claim, begun_ms: i64, answer: Answer) -> Outcome {
    match answer {
        Answer::Delivered(words) => Outcome::Delivered(words),
        Answer::Refused(words) => Outcome::Failed(words),
        Answer::Unknown(words) => Outcome::InDoubt(words),
        Answer::NotTaken { why, after } => {
            let attempts = claim.attempts.saturating_add(1);
            let first_try_ms = claim.first_try_ms.unwrap_or(begun_ms);
            let chance = chance(&claim.alert, &claim.recipient, attempts);
            let retry = desk.channel.retry;
            match retry.next(attempts, first_try_ms, now_ms(), after, chance) {
                Some(at_ms) => Outcome::RetryAt { at_ms, note: why },
                None => Outcome::Failed(format!("given up after {attempts} attempts: {why}")),
            }
        }
    }
}

/// A number that spreads retries and needs no source of randomness.
pub(crate) fn chance(alert: &str, recipient: &str, attempts: u32) -> u64 {
    let hash = ledger::hash(format!("{alert}\n{recipient}\n{attempts}").as_bytes());
    hash[..8]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn report(desk: &Desk, claim: &Claim, outcome: &Outcome, recorded: Recorded) {
    let (alert, tally) = (claim.alert.as_str(), &desk.tally);
    let recipient = one_line(&claim.recipient, 100);
    let words = match outcome {
        Outcome::Delivered(words) | Outcome::Failed(words) | Outcome::InDoubt(words) => words,
        Outcome::RetryAt { note, .. } => note,
    };
    match recorded {
        Recorded::Stale => {
            tracing::error!(
                alert,
                recipient,
                words,
                "not recorded: it is settled already"
            );
        }
        Recorded::Now(State::Delivered) => {
            tally.delivered.add(1);
            tracing::debug!(alert, recipient, words, "delivered");
        }
        Recorded::Now(State::RetryAt) => {
            tally.retried.add(1);
            tracing::info!(
                alert,
                recipient,
                words,
                "not delivered yet: will be tried again"
            );
            return; // still in flight
        }
        Recorded::Now(State::InDoubt) => {
            tally.in_doubt.add(1);
            tracing::error!(
                alert,
                recipient,
                words,
                "in doubt: it may have been delivered or not"
            );
        }
        Recorded::Now(_) => {
            tally.failed.add(1);
            tracing::error!(alert, recipient, words, "failed: it will not be delivered");
        }
    }
    if let Ok(alert) = claim.alert.parse() {
        desk.flights.settle(alert, 1);
    }
}
