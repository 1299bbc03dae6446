//! From claims to parcels: what goes by itself, what goes together, and what has to wait.

use std::{collections::BTreeMap, time::Duration};

use ledger::{Claim, Wanted};

use crate::{
    attempt::lease_ms,
    desk::Desk,
    pace::{Pace, Turn},
    parcel::Parcel,
    retry::milliseconds,
};

/// Between a claim and its beginning, besides getting ready.
const CLAIM_LEASE: Duration = Duration::from_secs(30);

/// What a look into the ledger gave.
pub(super) struct Claimed {
    pub(super) parcels: Vec<Parcel>,
    /// More may be due.
    pub(super) more: bool,
}

/// Gets up to `room` entries that are due: straight into `sending` where nothing has to be
/// waited for before that, else as claims. Some of those may have to wait for their recipient;
/// they are given back to the ledger until then.
pub(super) async fn claim(
    desk: &Desk,
    pace: &mut Pace,
    room: usize,
) -> Result<Claimed, ledger::Error> {
    let is_limited = desk.channel.limits.per_minute.is_some();
    // What is taken must be sent now. An answer from a server may be lost on its way.
    let ready = match is_limited || desk.ledger.is_shared() {
        true => 0,
        false => desk.channel.sink.ready().min(room),
    };
    let name = &desk.channel.name;
    let wanted = match ready {
        0 => Wanted::of(name, room, claim_lease_ms(desk)),
        ready => Wanted {
            begins: true,
            ..Wanted::of(name, ready, lease_ms(desk))
        },
    };
    let (limit, begins) = (wanted.limit, wanted.begins);
    let claims = desk.ledger.claim(wanted, desk.now_ms()).await?;
    let more = claims.len() >= limit;
    let mut parcels = Vec::new();
    let mut digests: BTreeMap<(String, String), Vec<Claim>> = BTreeMap::new();
    let mut singles: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for claim in claims {
        match claim.digest.clone() {
            // Sent before, and sent again as it was.
            Some(digest) => digests
                .entry((claim.recipient.clone(), digest))
                .or_default()
                .push(claim),
            None if !is_limited => parcels.push(Parcel::single(claim)),
            None => singles
                .entry(claim.recipient.clone())
                .or_default()
                .push(claim),
        }
    }
    parcels.extend(digests.into_values().filter_map(Parcel::digest));
    for parcel in &mut parcels {
        parcel.is_begun = begins;
    }
    for (recipient, claims) in singles {
        of_one(desk, pace, &recipient, claims, &mut parcels).await?;
    }
    Ok(Claimed { parcels, more })
}

/// A claim that was not begun after this long goes back: beyond what it takes to get ready, it is
/// begun at once.
fn claim_lease_ms(desk: &Desk) -> i64 {
    milliseconds(CLAIM_LEASE.saturating_add(desk.channel.sink.longest_approach()))
}

/// The claims of one recipient, by their turns.
async fn of_one(
    desk: &Desk,
    pace: &mut Pace,
    recipient: &str,
    claims: Vec<Claim>,
    parcels: &mut Vec<Parcel>,
) -> Result<(), ledger::Error> {
    let mut claims = claims.into_iter();
    let mut waiting: Vec<Claim> = Vec::new();
    let mut at_ms = None;
    while let Some(claim) = claims.next() {
        match pace.turn(recipient, desk.now_ms()) {
            Turn::Alone => parcels.push(Parcel::single(claim)),
            Turn::Wait(until_ms) => {
                at_ms = Some(until_ms);
                waiting.push(claim);
                waiting.extend(claims.by_ref());
            }
            Turn::Together => {
                let mut all = vec![claim];
                all.extend(claims.by_ref());
                let most = desk.channel.sink.largest_digest().max(1);
                all.extend(others(desk, recipient, most.saturating_sub(all.len())).await?);
                if all.len() > most {
                    waiting = all.split_off(most);
                }
                // The ledger may hold more of them than fit: they wait for the next digest.
                if !waiting.is_empty() || all.len() == most {
                    at_ms = Some(pace.leave(recipient, desk.now_ms()));
                }
                parcels.extend(Parcel::digest(all));
            }
        }
    }
    let tickets: Vec<_> = waiting.iter().map(|claim| claim.ticket).collect();
    if !tickets.is_empty() {
        desk.ledger.release(tickets, at_ms, desk.now_ms()).await?;
    }
    Ok(())
}

/// What else is due for a recipient. What is part of another digest goes with that one.
async fn others(desk: &Desk, recipient: &str, room: usize) -> Result<Vec<Claim>, ledger::Error> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let name = &desk.channel.name;
    let wanted = Wanted {
        recipient: Some(recipient.to_owned()),
        ..Wanted::of(name, room, claim_lease_ms(desk))
    };
    let claims = desk.ledger.claim(wanted, desk.now_ms()).await?;
    let (of_others, free): (Vec<Claim>, Vec<Claim>) =
        claims.into_iter().partition(|claim| claim.digest.is_some());
    let tickets: Vec<_> = of_others.iter().map(|claim| claim.ticket).collect();
    if !tickets.is_empty() {
        let now_ms = desk.now_ms();
        desk.ledger.release(tickets, Some(now_ms), now_ms).await?;
    }
    Ok(free)
}

#[cfg(test)]
mod tests;
