//! Questions: nothing here changes anything.

use rusqlite::{Row, ToSql, params};

use super::store::{Result, Store, rows, state, ticket};
use crate::entry::{Doubt, Entry, Filter, Standing, State, id_hash};

/// The columns of an entry, as [`entry`] reads them.
pub(super) const ENTRY: &str = "alert, channel, recipient, state, attempts, conflicts, doubted, \
     digest, due_ms, created_ms, updated_ms, first_try_ms, note";

/// The groups of states that have an index each.
const GROUPS: [(&str, [State; 2]); 4] = [
    (
        "state IN ('delivered', 'failed')",
        [State::Delivered, State::Failed],
    ),
    (
        "state IN ('pending', 'retry_at')",
        [State::Pending, State::RetryAt],
    ),
    (
        "state IN ('claimed', 'sending')",
        [State::Claimed, State::Sending],
    ),
    ("state = 'in_doubt'", [State::InDoubt, State::InDoubt]),
];

impl Store {
    /// Entries in doubt whose first attempt began at `since_ms` or later, the oldest first.
    pub(super) fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Result<Vec<Doubt>> {
        self.connection
            .prepare_cached(
                "SELECT seq, fence, alert, recipient, payload, attempts, created_ms, \
                 first_try_ms, digest, refused, note FROM delivery JOIN letter USING (seq)
                 WHERE state = 'in_doubt' AND channel = ? AND first_try_ms >= ?
                 ORDER BY seq LIMIT ?",
            )?
            .query_map(params![channel, since_ms, rows(limit)], |row| {
                Ok(Doubt {
                    ticket: ticket(row)?,
                    alert: row.get(2)?,
                    recipient: row.get(3)?,
                    payload: row.get(4)?,
                    attempts: row.get(5)?,
                    created_ms: row.get(6)?,
                    first_try_ms: row.get(7)?,
                    digest: row.get(8)?,
                    refused: row.get(9)?,
                    note: row.get(10)?,
                })
            })?
            .collect()
    }

    /// When the next entry of a channel is due.
    pub(super) fn next_due(&self, channel: &str) -> Result<Option<i64>> {
        self.connection
            .prepare_cached(
                "SELECT min(due_ms) FROM delivery
                 WHERE channel = ? AND state IN ('pending', 'retry_at')",
            )?
            .query_row([channel], |row| row.get(0))
    }

    /// What is open and what is in doubt, by channel; channels with neither are left out.
    pub(super) fn standing(&self) -> Result<Vec<Standing>> {
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
    pub(super) fn look(&self, alert: &str) -> Result<Vec<Entry>> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {ENTRY} FROM delivery WHERE id_hash = ? AND alert = ?
                 ORDER BY channel, recipient"
            ))?
            .query_map(params![id_hash(alert), alert], entry)?
            .collect()
    }

    /// What a filter lets through: asked of each index by itself, so that a ledger with millions
    /// of finished entries answers at once.
    pub(super) fn list(&self, filter: &Filter) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        for (group, states) in GROUPS {
            if filter.state.is_some_and(|state| !states.contains(&state)) {
                continue;
            }
            let word = filter.state.map(State::word);
            let since_ms = filter.since_ms.unwrap_or(0);
            let limit = rows(filter.limit);
            let named: [(&str, &dyn ToSql); 4] = [
                (":channel", &filter.channel),
                (":state", &word),
                (":since", &since_ms),
                (":limit", &limit),
            ];
            let entries = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {ENTRY} FROM delivery WHERE {group} AND updated_ms >= :since
                       AND (:state IS NULL OR state = :state)
                       AND (:channel IS NULL OR channel = :channel)
                     ORDER BY updated_ms DESC LIMIT :limit"
                ))?
                .query_map(&named[..], entry)?
                .collect::<Result<Vec<_>>>()?;
            found.extend(entries);
        }
        found.sort_by(|a, b| b.updated_ms.cmp(&a.updated_ms).then(a.alert.cmp(&b.alert)));
        found.truncate(filter.limit);
        Ok(found)
    }
}

/// One row of [`ENTRY`].
pub(super) fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        alert: row.get(0)?,
        channel: row.get(1)?,
        recipient: row.get(2)?,
        state: state(row, 3)?,
        attempts: row.get(4)?,
        conflicts: row.get(5)?,
        doubted: row.get(6)?,
        digest: row.get(7)?,
        due_ms: row.get(8)?,
        created_ms: row.get(9)?,
        updated_ms: row.get(10)?,
        first_try_ms: row.get(11)?,
        note: row.get(12)?,
    })
}
