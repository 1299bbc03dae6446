//! What failed: published as undelivered once, and taken up again when somebody asks for it.

use rusqlite::{OptionalExtension, params};

use super::{
    reads::{ENTRY, entry},
    store::{KEY, Result, Store, rows},
};
use crate::entry::{Dead, Grave, Inserted, NewEntry, id_hash};

/// An entry's (alert, channel, recipient).
type Key = [String; 3];

impl Store {
    /// nothing -> failed
    pub(super) fn insert_dead(
        &self,
        entry: &NewEntry,
        note: &str,
        now_ms: i64,
    ) -> Result<Inserted> {
        let inserted = self.insert(entry, now_ms)?;
        if inserted == Inserted::New {
            self.connection
                .prepare_cached(
                    "UPDATE delivery SET state = 'failed', note = ?, burials = 1, unburied = 1
                     WHERE seq = ?",
                )?
                .execute(params![note, self.connection.last_insert_rowid()])?;
        }
        Ok(inserted)
    }

    /// Failed and still to be published, the oldest first.
    pub(super) fn dead(&self, channel: &str, limit: usize) -> Result<Vec<Dead>> {
        let mut dead = self
            .connection
            .prepare_cached(&format!(
                "SELECT {ENTRY}, seq, burials FROM delivery
                 WHERE channel = ? AND unburied = 1 ORDER BY seq LIMIT ?"
            ))?
            .query_map(params![channel, rows(limit)], |row| {
                Ok(Dead {
                    entry: entry(row)?,
                    grave: Grave {
                        seq: row.get("seq")?,
                        burial: row.get("burials")?,
                    },
                    payload: Vec::new(),
                })
            })?
            .collect::<Result<Vec<_>>>()?;
        for dead in &mut dead {
            dead.payload = self.payload(dead.grave.seq)?;
        }
        Ok(dead)
    }

    /// It is published.
    pub(super) fn buried(&self, grave: Grave) -> Result<bool> {
        let buried = self
            .connection
            .prepare_cached("UPDATE delivery SET unburied = 0 WHERE seq = ? AND burials = ?")?
            .execute(params![grave.seq, grave.burial])?;
        Ok(buried == 1)
    }

    /// failed -> pending
    pub(super) fn reopen(&self, key: &Key, burial: u32, now_ms: i64) -> Result<Option<bool>> {
        let [alert, channel, recipient] = key;
        let id_hash = id_hash(alert);
        let reopened = self
            .connection
            .prepare_cached(&format!(
                "UPDATE delivery
                 SET state = 'pending', due_ms = ?5, updated_ms = ?5, fence = fence + 1,
                     first_try_ms = NULL, digest = NULL, unburied = 0
                 WHERE {KEY} AND state = 'failed' AND burials = ?6"
            ))?
            .execute(params![id_hash, alert, channel, recipient, now_ms, burial])?;
        if reopened == 1 {
            return Ok(Some(true));
        }
        let known = self
            .connection
            .prepare_cached(&format!("SELECT 1 FROM delivery WHERE {KEY}"))?
            .query_row(params![id_hash, alert, channel, recipient], |_| Ok(()))
            .optional()?;
        Ok(known.map(|()| false))
    }

    /// failed -> nothing
    pub(super) fn forget(&self, key: &Key) -> Result<bool> {
        let [alert, channel, recipient] = key;
        let seq: Option<i64> = self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM delivery WHERE {KEY} AND state = 'failed' AND attempts = 0
                 RETURNING seq"
            ))?
            .query_row(params![id_hash(alert), alert, channel, recipient], |row| {
                row.get(0)
            })
            .optional()?;
        self.connection
            .prepare_cached("DELETE FROM letter WHERE seq = ?")?
            .execute([seq])?;
        Ok(seq.is_some())
    }

    /// What an entry delivers.
    pub(super) fn letter(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        let [alert, channel, recipient] = key;
        self.connection
            .prepare_cached(&format!(
                "SELECT payload FROM delivery JOIN letter USING (seq) WHERE {KEY}"
            ))?
            .query_row(params![id_hash(alert), alert, channel, recipient], |row| {
                row.get(0)
            })
            .optional()
    }
}
