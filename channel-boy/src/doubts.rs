//! What is in doubt: sent again or asked after, as the channel says.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ledger::Outcome;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::next_try, config::OnInDoubt, desk::Desk, parcel::Parcel, retry::milliseconds,
    sink::Proof, wording::one_line,
};

/// Between looks.
const TICK: Duration = Duration::from_secs(1);
/// Entries taken up in one look.
const AT_ONCE: usize = 200;

/// Settles doubts until `stop`, as far as the channel's policy goes. Past the time for retries
/// an entry is left to a person.
///
/// # Errors
/// When the ledger fails.
pub(crate) async fn run(desk: &Arc<Desk>, stop: &CancellationToken) -> Result<(), ledger::Error> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut questions = Questions::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        match desk.channel.on_in_doubt {
            OnInDoubt::Hold => {}
            OnInDoubt::Resend => resend(desk).await?,
            OnInDoubt::Ask => {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    asked = questions.ask(desk) => asked?,
                }
            }
        }
    }
}

/// What may still be settled: quiet hours do not count towards the deadline.
async fn open(desk: &Desk) -> Result<Vec<Parcel>, ledger::Error> {
    let now_ms = desk.now_ms();
    let mut since_ms = now_ms.saturating_sub(milliseconds(desk.channel.retry.give_up_after));
    if let Some(quiet) = desk.channel.limits.quiet {
        since_ms = since_ms.saturating_sub(quiet.within(since_ms, now_ms));
    }
    let name = &desk.channel.name;
    let mut doubts = desk.ledger.doubts(name, since_ms, AT_ONCE).await?;
    doubts.retain(|doubt| !doubt.refused);
    Ok(Parcel::of_doubts(doubts))
}

/// Takes up what is in doubt, under the same pauses and deadline as any retry.
async fn resend(desk: &Desk) -> Result<(), ledger::Error> {
    for parcel in open(desk).await? {
        let (attempts, now_ms) = (parcel.attempts(), desk.now_ms());
        let first_try_ms = parcel.first_try_ms().unwrap_or(now_ms);
        let Ok(at_ms) = next_try(desk, &parcel, attempts, first_try_ms, None) else {
            continue;
        };
        let sent = desk.ledger.resend(parcel.tickets(), at_ms, now_ms).await?;
        if sent > 0 {
            desk.tally.resent.add(sent);
            let twice = match desk.channel.sink.idempotent() {
                true => "which the receiver recognises",
                false => "perhaps twice",
            };
            tracing::warn!(alert = %parcel, "in doubt: will be sent again, {twice}");
            desk.bell.notify_one();
        }
    }
    Ok(())
}

/// When each parcel in doubt is to be asked after next, and how often it was.
#[derive(Default)]
struct Questions {
    next: HashMap<String, (i64, u32)>,
}

impl Questions {
    async fn ask(&mut self, desk: &Desk) -> Result<(), ledger::Error> {
        let parcels = open(desk).await?;
        let keys: Vec<String> = parcels.iter().map(key).collect();
        self.next.retain(|known, _| keys.contains(known));
        for (parcel, key) in parcels.into_iter().zip(keys) {
            let (due_ms, asked) = self.next.get(&key).copied().unwrap_or_default();
            if due_ms > desk.now_ms() {
                continue;
            }
            ask_after(desk, &parcel).await?;
            let first_try_ms = parcel.first_try_ms().unwrap_or(0);
            let asked = asked.saturating_add(1);
            let next = next_try(desk, &parcel, asked, first_try_ms, None);
            self.next.insert(key, (next.unwrap_or(i64::MAX), asked));
        }
        Ok(())
    }
}

fn key(parcel: &Parcel) -> String {
    format!("{parcel}\n{}", parcel.recipient)
}

/// Only what the provider shows proves anything.
async fn ask_after(desk: &Desk, parcel: &Parcel) -> Result<(), ledger::Error> {
    let sink = &desk.channel.sink;
    let Ok(read) = parcel.read(0) else {
        return Ok(());
    };
    let letter = read.letter(desk, parcel);
    let proof = timeout(sink.longest_attempt(), sink.ask(&letter)).await;
    let recipient = one_line(&parcel.recipient, 100);
    match proof.unwrap_or(Proof::None("no answer in time".to_owned())) {
        Proof::Taken(words) => {
            let note = format!("asked: {words}");
            let settled = Outcome::Delivered(note);
            let tickets = parcel.tickets();
            desk.ledger.record(tickets, settled, desk.now_ms()).await?;
            desk.tally.proven.add(parcel.contents().count() as u64);
            tracing::info!(alert = %parcel, recipient, words, "it was in doubt, and the provider has it: delivered");
        }
        Proof::None(words) => {
            tracing::warn!(alert = %parcel, recipient, words, "still in doubt: the provider shows nothing");
        }
    }
    Ok(())
}
