//! The state machine, in SQL. Every method runs inside the writer's transaction and moves an
//! entry only from the states it may leave.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::entry::{
    Claim, Decision, Inserted, NewEntry, Outcome, Recorded, State, Swept, Ticket, Wanted, hash,
    id_hash,
};

pub(super) type Result<T> = rusqlite::Result<T>;

/// What finds one entry: its alert's [`id_hash`], alert, channel and recipient.
pub(super) const KEY: &str = "id_hash = ?1 AND alert = ?2 AND channel = ?3 AND recipient = ?4";

/// The ledger's tables, behind their transitions.
pub(super) struct Store {
    pub(super) connection: Connection,
}

impl Store {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// nothing -> pending
    pub(super) fn insert(&self, entry: &NewEntry, now_ms: i64) -> Result<Inserted> {
        let hash = hash(&entry.payload);
        let (alert, id_hash) = (&entry.alert, id_hash(&entry.alert));
        // The one writer asks and inserts in one transaction: nobody comes between.
        let known: Option<(i64, State, [u8; 32])> = self
            .connection
            .prepare_cached(&format!(
                "SELECT seq, state, payload_hash FROM delivery WHERE {KEY}"
            ))?
            .query_row(
                params![id_hash, alert, entry.channel, entry.recipient],
                |row| Ok((row.get(0)?, state(row, 1)?, row.get(2)?)),
            )
            .optional()?;
        if let Some((seq, state, known)) = known {
            if known == hash {
                return Ok(Inserted::Known(state));
            }
            self.connection
                .prepare_cached("UPDATE delivery SET conflicts = conflicts + 1 WHERE seq = ?")?
                .execute([seq])?;
            return Ok(Inserted::Conflict(state));
        }
        self.connection
            .prepare_cached(
                "INSERT INTO delivery (id_hash, alert, channel, recipient, state, due_ms, \
                 created_ms, updated_ms, payload_hash)
                 VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5, ?5, ?6)",
            )?
            .execute(params![
                id_hash,
                alert,
                entry.channel,
                entry.recipient,
                now_ms,
                hash
            ])?;
        let seq = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("INSERT INTO letter (seq, payload) VALUES (?, ?)")?
            .execute(params![seq, entry.payload])?;
        Ok(Inserted::New)
    }

    /// pending or a due `retry_at` -> claimed or sending.
    pub(super) fn claim(&self, wanted: &Wanted, now_ms: i64) -> Result<Vec<Claim>> {
        let Wanted {
            channel,
            recipient,
            limit,
            lease_ms,
            begins,
        } = wanted;
        let lease_until_ms = now_ms.saturating_add(*lease_ms);
        let take = "UPDATE delivery
             SET state = iif(?1, 'sending', 'claimed'), attempts = attempts + ?1,
                 first_try_ms = iif(?1, coalesce(first_try_ms, ?3), first_try_ms),
                 due_ms = ?2, fence = fence + 1, updated_ms = ?3";
        let taken = "RETURNING seq, fence, alert, recipient, attempts - ?1, created_ms, \
             first_try_ms, digest";
        let mut statement = self.connection.prepare_cached(&format!(
            "{take} WHERE seq IN (
               SELECT seq FROM delivery
               WHERE channel = ?4 AND state IN ('pending', 'retry_at')
                 AND (due_ms <= ?3 OR state = 'pending') AND (?6 IS NULL OR recipient = ?6)
               ORDER BY due_ms, seq LIMIT ?5)
             {taken}"
        ))?;
        let limit = rows(*limit);
        let parameters = params![begins, lease_until_ms, now_ms, channel, limit, recipient];
        let mut claims = statement
            .query_map(parameters, claim)?
            .collect::<Result<Vec<_>>>()?;
        let mut digests: Vec<_> = claims.iter().filter_map(|c| c.digest.clone()).collect();
        digests.sort();
        digests.dedup();
        for digest in digests {
            let mut others = self.connection.prepare_cached(&format!(
                "{take} WHERE digest = ?5 AND state = 'retry_at' AND channel = ?4 {taken}"
            ))?;
            let parameters = params![begins, lease_until_ms, now_ms, channel, digest];
            for other in others.query_map(parameters, claim)? {
                claims.push(other?);
            }
        }
        claims.sort_by_key(|claim| claim.ticket.seq);
        for claim in &mut claims {
            claim.payload = self.payload(claim.ticket.seq)?;
        }
        Ok(claims)
    }

    pub(super) fn payload(&self, seq: i64) -> Result<Vec<u8>> {
        self.connection
            .prepare_cached("SELECT payload FROM letter WHERE seq = ?")?
            .query_row([seq], |row| row.get(0))
    }

    /// claimed -> sending. False when the lease has ended or the ticket is stale: then nothing
    /// may be sent.
    pub(super) fn begin(
        &self,
        ticket: Ticket,
        digest: Option<&str>,
        lease_until_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let begun = self
            .connection
            .prepare_cached(
                "UPDATE delivery
                 SET state = 'sending', due_ms = ?1, attempts = attempts + 1, updated_ms = ?2,
                     first_try_ms = coalesce(first_try_ms, ?2), digest = ?5
                 WHERE seq = ?3 AND fence = ?4 AND state = 'claimed' AND due_ms > ?2",
            )?
            .execute(params![
                lease_until_ms,
                now_ms,
                ticket.seq,
                ticket.fence,
                digest
            ])?;
        Ok(begun == 1)
    }

    /// sending -> delivered, failed, `retry_at` or `in_doubt`. After the lease has ended the
    /// entry is in doubt, and its own sender may still settle it with what it knows for certain,
    /// but not have it sent again. What an earlier attempt left in doubt never becomes failed,
    /// and a delivery is the truth whatever was begun since.
    pub(super) fn record(
        &self,
        ticket: Ticket,
        outcome: &Outcome,
        now_ms: i64,
    ) -> Result<Recorded> {
        if let Outcome::Delivered(note) = outcome {
            // As it nearly always is: one look at the entry is enough.
            let delivered = self
                .connection
                .prepare_cached(
                    "UPDATE delivery SET state = 'delivered', due_ms = ?1, note = ?2,
                       updated_ms = ?1, refused = 0, unburied = 0
                     WHERE seq = ?3 AND fence = ?4 AND state = 'sending'",
                )?
                .execute(params![now_ms, note, ticket.seq, ticket.fence])?;
            if delivered == 1 {
                return Ok(Recorded::Now(State::Delivered));
            }
        }
        let standing: Option<(State, i64, i64, bool, u32)> = self
            .connection
            .prepare_cached(
                "SELECT state, due_ms, fence, doubted, attempts FROM delivery WHERE seq = ?",
            )?
            .query_row([ticket.seq], |row| {
                Ok((
                    state(row, 0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .optional()?;
        let Some((standing, lease_ms, fence, doubted, attempts)) = standing else {
            return Ok(Recorded::Stale);
        };
        let own = fence == ticket.fence && matches!(standing, State::Sending | State::InDoubt);
        let overtaken = fence > ticket.fence && attempts > 0 && standing != State::Delivered;
        let late = standing == State::InDoubt || lease_ms <= now_ms;
        let (state, due_ms, refused, note) = match outcome {
            Outcome::Delivered(note) if own || overtaken => (State::Delivered, now_ms, false, note),
            _ if !own => return Ok(Recorded::Stale),
            Outcome::Delivered(note) => (State::Delivered, now_ms, false, note),
            Outcome::Failed(note) if doubted => (State::InDoubt, now_ms, true, note),
            Outcome::Failed(note) => (State::Failed, now_ms, false, note),
            Outcome::RetryAt { at_ms, note } if !late => (State::RetryAt, *at_ms, false, note),
            Outcome::RetryAt { note, .. } | Outcome::InDoubt(note) => {
                (State::InDoubt, now_ms, false, note)
            }
        };
        let failed = i64::from(state == State::Failed);
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?1, due_ms = ?2, note = ?3, updated_ms = ?4,
                   refused = ?5, burials = burials + ?6, unburied = ?6,
                   digest = CASE WHEN ?1 = 'retry_at' AND doubted = 0 THEN NULL ELSE digest END
                 WHERE seq = ?7",
            )?
            .execute(params![
                state.word(),
                due_ms,
                note,
                now_ms,
                refused,
                failed,
                ticket.seq
            ])?;
        Ok(Recorded::Now(state))
    }

    /// claimed -> pending, or `retry_at` at a time: given back by its own worker.
    pub(super) fn release(&self, ticket: Ticket, at_ms: Option<i64>, now_ms: i64) -> Result<u64> {
        let released = self
            .connection
            .prepare_cached(
                "UPDATE delivery
                 SET state = iif(?1 IS NULL, 'pending', 'retry_at'), due_ms = coalesce(?1, ?2),
                     updated_ms = ?2
                 WHERE seq = ?3 AND fence = ?4 AND state = 'claimed'",
            )?
            .execute(params![at_ms, now_ms, ticket.seq, ticket.fence])?;
        Ok(released as u64)
    }

    /// Expired claimed -> pending, expired sending -> `in_doubt`.
    pub(super) fn sweep(&self, now_ms: i64) -> Result<Swept> {
        self.expire(
            now_ms,
            now_ms,
            "its lease ended before an answer was recorded",
        )
    }

    /// The same for every lease there is, because whoever held them is dead.
    pub(super) fn recover(&self, now_ms: i64) -> Result<Swept> {
        self.expire(
            i64::MAX,
            now_ms,
            "its process ended before an answer was recorded",
        )
    }

    fn expire(&self, leased_until_ms: i64, now_ms: i64, note: &str) -> Result<Swept> {
        let in_doubt = self
            .connection
            .prepare_cached(
                "UPDATE delivery
                 SET state = 'in_doubt', due_ms = ?1, updated_ms = ?1, note = ?2
                 WHERE state IN ('claimed', 'sending') AND state = 'sending' AND due_ms <= ?3",
            )?
            .execute(params![now_ms, note, leased_until_ms])?;
        let returned = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET state = 'pending', due_ms = ?1, updated_ms = ?1
                 WHERE state IN ('claimed', 'sending') AND state = 'claimed' AND due_ms <= ?2",
            )?
            .execute(params![now_ms, leased_until_ms])?;
        Ok(Swept {
            returned: returned as u64,
            in_doubt: in_doubt as u64,
        })
    }

    /// `in_doubt` -> `retry_at`: somebody decided that a repeat is better than a miss.
    pub(super) fn resend(&self, ticket: Ticket, at_ms: i64, now_ms: i64) -> Result<u64> {
        let moved = self
            .connection
            .prepare_cached(
                "UPDATE delivery
                 SET state = 'retry_at', due_ms = ?, updated_ms = ?, doubted = 1
                 WHERE seq = ? AND fence = ? AND state = 'in_doubt'",
            )?
            .execute(params![at_ms, now_ms, ticket.seq, ticket.fence])?;
        Ok(moved as u64)
    }

    /// `in_doubt` -> delivered, or `retry_at` with everything that gives up on it begun anew.
    pub(super) fn resolve(
        &self,
        alert: &str,
        channel: Option<&str>,
        recipient: Option<&str>,
        decision: Decision,
        now_ms: i64,
    ) -> Result<u64> {
        let change = match decision {
            Decision::Delivered => "state = 'delivered', note = 'delivered, a person says'",
            Decision::Resend => {
                "state = 'retry_at', doubted = 1, first_try_ms = NULL, digest = NULL, \
                 note = 'to be sent again, a person says'"
            }
        };
        let resolved = self
            .connection
            .prepare_cached(&format!(
                "UPDATE delivery SET {change}, due_ms = ?1, updated_ms = ?1
                 WHERE id_hash = ?5 AND alert = ?2 AND channel = coalesce(?3, channel)
                   AND recipient = coalesce(?4, recipient) AND state = 'in_doubt'"
            ))?
            .execute(params![now_ms, alert, channel, recipient, id_hash(alert)])?;
        Ok(resolved as u64)
    }

    /// Deletes at most `limit` entries that were finished before `before_ms`.
    pub(super) fn prune(&self, before_ms: i64, limit: usize) -> Result<u64> {
        let old = "SELECT seq FROM delivery
                   WHERE state IN ('delivered', 'failed') AND updated_ms < ?1 AND unburied = 0
                   ORDER BY updated_ms LIMIT ?2";
        let parameters = params![before_ms, rows(limit)];
        self.connection
            .prepare_cached(&format!("DELETE FROM letter WHERE seq IN ({old})"))?
            .execute(parameters)?;
        let deleted = self
            .connection
            .prepare_cached(&format!("DELETE FROM delivery WHERE seq IN ({old})"))?
            .execute(parameters)?;
        Ok(deleted as u64)
    }
}

fn claim(row: &Row<'_>) -> Result<Claim> {
    Ok(Claim {
        ticket: ticket(row)?,
        alert: row.get(2)?,
        recipient: row.get(3)?,
        payload: Vec::new(),
        attempts: row.get(4)?,
        created_ms: row.get(5)?,
        first_try_ms: row.get(6)?,
        digest: row.get(7)?,
    })
}

pub(super) fn ticket(row: &Row<'_>) -> Result<Ticket> {
    Ok(Ticket {
        seq: row.get(0)?,
        fence: row.get(1)?,
    })
}

pub(super) fn state(row: &Row<'_>, column: usize) -> Result<State> {
    let word: String = row.get(column)?;
    word.parse().map_err(|reason: String| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, reason.into())
    })
}

pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_alerts_of_one_hash_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, _lock) = crate::sqlite::file::open(&folder.path().join("l")).unwrap();
        let store = Store::new(connection);
        let entry = NewEntry {
            alert: "a".to_owned(),
            channel: "c".to_owned(),
            recipient: "r".to_owned(),
            payload: b"{}".to_vec(),
        };
        assert_eq!(store.insert(&entry, 0).unwrap(), Inserted::New);
        let other = "UPDATE delivery SET alert = 'b'";
        assert_eq!(store.connection.execute(other, []).unwrap(), 1);
        assert_eq!(store.insert(&entry, 0).unwrap(), Inserted::New);
        let known = Inserted::Known(State::Pending);
        assert_eq!(store.insert(&entry, 0).unwrap(), known);
    }
}
