//! The way of an entry, from its insert to the end of an attempt.

use tokio_postgres::types::ToSql;

use super::{group::Ran, limit_of, rows, session::Session};
use crate::entry::{Claim, Inserted, NewEntry, Outcome, Recorded, State, Ticket, Wanted, hash};

/// Tickets as the statements take them.
pub(super) fn arrays(tickets: &[Ticket]) -> (Vec<i64>, Vec<i64>) {
    tickets.iter().map(|t| (t.seq, t.fence)).unzip()
}

impl Session {
    /// Inserts an entry, as failed when there is a note that says why.
    pub(super) async fn insert(
        &self,
        now: Option<i64>,
        entry: &NewEntry,
        note: Option<&str>,
    ) -> Ran<Inserted> {
        let NewEntry {
            alert,
            channel,
            recipient,
            payload,
        } = entry;
        let hash = hash(payload);
        let hash = hash.as_slice();
        let new: [&(dyn ToSql + Sync); 7] =
            [&now, alert, channel, recipient, &hash, payload, &note];
        let known: [&(dyn ToSql + Sync); 4] = [alert, channel, recipient, &hash];
        let (new, known) =
            futures::try_join!(self.query("insert", &new), self.query("known", &known))?;
        if !new.is_empty() {
            return Ok(Inserted::New);
        }
        let (state, same) = match known.first() {
            Some(row) => (rows::state(row, 0)?, row.try_get(1)?),
            None => (State::Pending, true), // pruned in between: not this time
        };
        Ok(match same {
            true => Inserted::Known(state),
            false => Inserted::Conflict(state),
        })
    }

    pub(super) async fn claim(&self, wanted: &Wanted, now: Option<i64>) -> Ran<Vec<Claim>> {
        let Wanted {
            channel,
            recipient,
            limit,
            begins,
            lease_ms,
        } = wanted;
        let parameters: [&(dyn ToSql + Sync); 6] = [
            &now,
            channel,
            &limit_of(*limit),
            lease_ms,
            recipient,
            begins,
        ];
        let claimed = self.query("claim", &parameters).await?;
        claimed.iter().map(rows::claim).collect()
    }

    /// `again`: what is `sending` by its own ticket counts as begun.
    pub(super) async fn begin(
        &self,
        tickets: &[Ticket],
        digest: Option<&str>,
        lease_ms: i64,
        (now, again): (Option<i64>, bool),
    ) -> Ran<Vec<bool>> {
        let (seqs, fences) = arrays(tickets);
        let begun = self
            .query("begin", &[&now, &again, &seqs, &fences, &digest, &lease_ms])
            .await?;
        let begun: Vec<Ticket> = begun.iter().map(rows::ticket).collect::<Ran<_>>()?;
        Ok(tickets.iter().map(|t| begun.contains(t)).collect())
    }

    /// `again`: what is recorded by its own ticket counts as recorded.
    pub(super) async fn record(
        &self,
        tickets: &[Ticket],
        outcome: &Outcome,
        (now, again): (Option<i64>, bool),
    ) -> Ran<Vec<Recorded>> {
        let (state, at_ms, note) = match outcome {
            Outcome::Delivered(note) => (State::Delivered, 0, note),
            Outcome::Failed(note) => (State::Failed, 0, note),
            Outcome::RetryAt { at_ms, note } => (State::RetryAt, *at_ms, note),
            Outcome::InDoubt(note) => (State::InDoubt, 0, note),
        };
        let note = note.replace('\0', "\u{fffd}");
        let (seqs, fences) = arrays(tickets);
        let word = state.word();
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&now, &again, &seqs, &fences, &word, &at_ms, &note];
        let decided = self.query("record", &parameters).await?;
        let of = |seq: &i64| -> Ran<Recorded> {
            for row in &decided {
                if row.try_get::<_, i64>(0)? == *seq && row.try_get::<_, Option<&str>>(1)?.is_some()
                {
                    return Ok(Recorded::Now(rows::state(row, 1)?));
                }
            }
            Ok(Recorded::Stale)
        };
        seqs.iter().map(of).collect()
    }

    pub(super) async fn release(
        &self,
        tickets: &[Ticket],
        at_ms: Option<i64>,
        now: Option<i64>,
    ) -> Ran<u64> {
        let (seqs, fences) = arrays(tickets);
        let released = self
            .query("release", &[&now, &seqs, &fences, &at_ms])
            .await?;
        Ok(released.len() as u64)
    }
}
