//! The state machine, in SQL. Every method runs inside the writer's transaction and moves an
//! entry only from the states it may leave.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::entry::{
    Claim, Doubt, Entry, Inserted, NewEntry, Outcome, Recorded, Standing, State, Swept, Ticket,
    hash,
};

type Result<T> = rusqlite::Result<T>;

/// The ledger's table, behind its transitions.
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// nothing -> pending
    pub(crate) fn insert(&self, entry: &NewEntry, now_ms: i64) -> Result<Inserted> {
        let hash = hash(&entry.payload);
        let key = (&entry.alert, &entry.channel, &entry.recipient);
        let new = self
            .connection
            .prepare_cached(
                "INSERT INTO delivery (alert, channel, recipient, state, due_ms, created_ms, \
                 updated_ms, payload_hash, payload)
                 VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?4, ?5, ?6)
                 ON CONFLICT (alert, channel, recipient) DO NOTHING",
            )?
            .execute(params![key.0, key.1, key.2, now_ms, hash, entry.payload])?;
        if new == 1 {
            return Ok(Inserted::New);
        }
        let (seq, state, known): (i64, State, [u8; 32]) = self
            .connection
            .prepare_cached(
                "SELECT seq, state, payload_hash FROM delivery
                 WHERE alert = ? AND channel = ? AND recipient = ?",
            )?
            .query_row(key, |row| Ok((row.get(0)?, state(row, 1)?, row.get(2)?)))?;
        if known == hash {
            return Ok(Inserted::Known(state));
        }
        self.connection
            .prepare_cached("UPDATE delivery SET conflicts = conflicts + 1 WHERE seq = ?")?
            .execute([seq])?;
        Ok(Inserted::Conflict(state))
    }

    /// pending or a due `retry_at` -> claimed, at most `limit` of them, the longest due first.
    pub(crate) fn claim(
        &self,
        channel: &str,
        limit: usize,
        lease_until_ms: i64,
        now_ms: i64,
    ) -> Result<Vec<Claim>> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE delivery
             SET state = 'claimed', due_ms = ?1, fence = fence + 1, updated_ms = ?2
             WHERE seq IN (
               SELECT seq FROM delivery
               WHERE channel = ?3 AND state IN ('pending', 'retry_at')
                 AND (due_ms <= ?2 OR state = 'pending')
               ORDER BY due_ms, seq LIMIT ?4)
             RETURNING seq, fence, alert, recipient, payload, attempts, created_ms, first_try_ms",
        )?;
        let mut claims = statement
            .query_map(
                params![lease_until_ms, now_ms, channel, rows(limit)],
                |row| {
                    Ok(Claim {
                        ticket: ticket(row)?,
                        alert: row.get(2)?,
                        recipient: row.get(3)?,
                        payload: row.get(4)?,
                        attempts: row.get(5)?,
                        created_ms: row.get(6)?,
                        first_try_ms: row.get(7)?,
                    })
                },
            )?
            .collect::<Result<Vec<_>>>()?;
        claims.sort_by_key(|claim| claim.ticket.seq);
        Ok(claims)
    }

    /// claimed -> sending. False when the lease has ended or the ticket is stale: then nothing
    /// may be sent.
    pub(crate) fn begin(&self, ticket: Ticket, lease_until_ms: i64, now_ms: i64) -> Result<bool> {
        let begun = self
            .connection
            .prepare_cached(
                "UPDATE delivery
                 SET state = 'sending', due_ms = ?1, attempts = attempts + 1, updated_ms = ?2,
                     first_try_ms = coalesce(first_try_ms, ?2)
                 WHERE seq = ?3 AND fence = ?4 AND state = 'claimed' AND due_ms > ?2",
            )?
            .execute(params![lease_until_ms, now_ms, ticket.seq, ticket.fence])?;
        Ok(begun == 1)
    }

    /// sending -> delivered, failed, `retry_at` or `in_doubt`. After the lease has ended the
    /// entry is in doubt, and its own sender may still settle it with what it knows for certain,
    /// but not have it sent again.
    pub(crate) fn record(
        &self,
        ticket: Ticket,
        outcome: &Outcome,
        now_ms: i64,
    ) -> Result<Recorded> {
        let standing: Option<(State, i64)> = self
            .connection
            .prepare_cached("SELECT state, due_ms FROM delivery WHERE seq = ? AND fence = ?")?
            .query_row([ticket.seq, ticket.fence], |row| {
                Ok((state(row, 0)?, row.get(1)?))
            })
            .optional()?;
        let late = match standing {
            Some((State::Sending, lease_ms)) => lease_ms <= now_ms,
            Some((State::InDoubt, _)) => true,
            _ => return Ok(Recorded::Stale),
        };
        let (state, due_ms, note) = match outcome {
            Outcome::Delivered(note) => (State::Delivered, now_ms, note),
            Outcome::Failed(note) => (State::Failed, now_ms, note),
            Outcome::RetryAt { at_ms, note } if !late => (State::RetryAt, *at_ms, note),
            Outcome::RetryAt { note, .. } | Outcome::InDoubt(note) => {
                (State::InDoubt, now_ms, note)
            }
        };
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?, due_ms = ?, note = ?, updated_ms = ? WHERE seq = ?",
            )?
            .execute(params![state.word(), due_ms, note, now_ms, ticket.seq])?;
        Ok(Recorded::Now(state))
    }

    /// claimed -> pending, given back by its own worker.
    pub(crate) fn release(&self, ticket: Ticket, now_ms: i64) -> Result<bool> {
        let released = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET state = 'pending', due_ms = ?1, updated_ms = ?1
                 WHERE seq = ?2 AND fence = ?3 AND state = 'claimed'",
            )?
            .execute(params![now_ms, ticket.seq, ticket.fence])?;
        Ok(released == 1)
    }

    /// Expired claimed -> pending, expired sending -> `in_doubt`.
    pub(crate) fn sweep(&self, now_ms: i64) -> Result<Swept> {
        self.expire(
            now_ms,
            now_ms,
            "its lease ended before an answer was recorded",
        )
    }

    /// The same for every lease there is, because whoever held them is dead.
    pub(crate) fn recover(&self, now_ms: i64) -> Result<Swept> {
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

    /// Entries in doubt whose first attempt began at `since_ms` or later, the oldest first.
    pub(crate) fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Result<Vec<Doubt>> {
        self.connection
            .prepare_cached(
                "SELECT seq, fence, alert, recipient, attempts, first_try_ms, note FROM delivery
                 WHERE state = 'in_doubt' AND channel = ? AND first_try_ms >= ?
                 ORDER BY seq LIMIT ?",
            )?
            .query_map(params![channel, since_ms, rows(limit)], |row| {
                Ok(Doubt {
                    ticket: ticket(row)?,
                    alert: row.get(2)?,
                    recipient: row.get(3)?,
                    attempts: row.get(4)?,
                    first_try_ms: row.get(5)?,
                    note: row.get(6)?,
                })
            })?
            .collect()
    }

    /// `in_doubt` -> `retry_at`: somebody decided that a repeat is better than a miss.
    pub(crate) fn resend(&self, ticket: Ticket, at_ms: i64, now_ms: i64) -> Result<bool> {
        let moved = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET state = 'retry_at', due_ms = ?, updated_ms = ?
                 WHERE seq = ? AND fence = ? AND state = 'in_doubt'",
            )?
            .execute(params![at_ms, now_ms, ticket.seq, ticket.fence])?;
        Ok(moved == 1)
    }

    /// When the next entry of a channel is due.
    pub(crate) fn next_due(&self, channel: &str) -> Result<Option<i64>> {
        self.connection
            .prepare_cached(
                "SELECT min(due_ms) FROM delivery
                 WHERE channel = ? AND state IN ('pending', 'retry_at')",
            )?
            .query_row([channel], |row| row.get(0))
    }

    /// Deletes at most `limit` entries that were finished before `before_ms`.
    pub(crate) fn prune(&self, before_ms: i64, limit: usize) -> Result<u64> {
        let deleted = self
            .connection
            .prepare_cached(
                "DELETE FROM delivery WHERE seq IN (
                   SELECT seq FROM delivery
                   WHERE state IN ('delivered', 'failed') AND updated_ms < ?
                   ORDER BY updated_ms LIMIT ?)",
            )?
            .execute(params![before_ms, rows(limit)])?;
        Ok(deleted as u64)
    }

    /// What is open and what is in doubt, by channel; channels with neither are left out.
    pub(crate) fn standing(&self) -> Result<Vec<Standing>> {
        self.connection
            .prepare_cached(
                "SELECT channel, sum(open), sum(in_doubt) FROM (
                   SELECT channel, 1 AS open, 0 AS in_doubt FROM delivery
                   WHERE state IN ('pending', 'retry_at')
                   UNION ALL
                   SELECT channel, 1, 0 FROM delivery WHERE state IN ('claimed', 'sending')
                   UNION ALL
                   SELECT channel, 0, 1 FROM delivery WHERE state = 'in_doubt')
                 GROUP BY channel ORDER BY channel",
            )?
            .query_map([], |row| {
                Ok(Standing {
                    channel: row.get(0)?,
                    open: row.get(1)?,
                    in_doubt: row.get(2)?,
                })
            })?
            .collect()
    }

    /// Every entry of an alert.
    pub(crate) fn look(&self, alert: &str) -> Result<Vec<Entry>> {
        self.connection
            .prepare_cached(
                "SELECT alert, channel, recipient, state, attempts, conflicts, due_ms, created_ms, \
                 updated_ms, note FROM delivery WHERE alert = ? ORDER BY channel, recipient",
            )?
            .query_map([alert], |row| {
                Ok(Entry {
                    alert: row.get(0)?,
                    channel: row.get(1)?,
                    recipient: row.get(2)?,
                    state: state(row, 3)?,
                    attempts: row.get(4)?,
                    conflicts: row.get(5)?,
                    due_ms: row.get(6)?,
                    created_ms: row.get(7)?,
                    updated_ms: row.get(8)?,
                    note: row.get(9)?,
                })
            })?
            .collect()
    }
}

fn ticket(row: &Row<'_>) -> Result<Ticket> {
    Ok(Ticket {
        seq: row.get(0)?,
        fence: row.get(1)?,
    })
}

fn state(row: &Row<'_>, column: usize) -> Result<State> {
    let word: String = row.get(column)?;
    State::ALL
        .into_iter()
        .find(|state| state.word() == word)
        .ok_or_else(|| {
            let reason = format!("no state is called {word:?}");
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, reason.into())
        })
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query that loses its index still answers, only slower with every entry kept.
    #[test]
    fn the_daily_work_reads_indexes_only() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, _lock) = crate::file::open(&folder.path().join("l")).unwrap();
        for (query, index) in [
            (
                "SELECT seq FROM delivery WHERE channel = ?3 AND state IN ('pending', 'retry_at') \
                 AND due_ms <= ?2 ORDER BY due_ms, seq LIMIT ?4",
                "USING INDEX due (channel=? AND due_ms<?)",
            ),
            (
                "SELECT seq FROM delivery WHERE state IN ('claimed', 'sending') \
                 AND state = 'sending' AND due_ms <= ?3",
                "USING INDEX leased (due_ms<?)",
            ),
            (
                "SELECT seq FROM delivery WHERE state = 'in_doubt' AND channel = ? \
                 AND first_try_ms >= ? ORDER BY seq LIMIT ?",
                "USING INDEX doubtful (channel=?)",
            ),
            (
                "SELECT seq FROM delivery WHERE state IN ('delivered', 'failed') \
                 AND updated_ms < ? ORDER BY updated_ms LIMIT ?",
                "USING INDEX finished (updated_ms<?)",
            ),
            (
                "SELECT min(due_ms) FROM delivery WHERE channel = ? \
                 AND state IN ('pending', 'retry_at')",
                "USING INDEX due (channel=?)",
            ),
        ] {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                .unwrap();
            let steps: Vec<String> = plan
                .raw_query()
                .mapped(|row| row.get(3))
                .collect::<Result<_>>()
                .unwrap();
            assert_eq!(steps.len(), 1, "{steps:?}");
            let step = steps[0].replace("COVERING ", "");
            assert!(step.contains(index), "{step}");
        }
    }
}
