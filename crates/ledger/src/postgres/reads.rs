//! Questions: nothing here changes anything.

use super::{Key, group::Ran, limit_of, rows, session::Session};
use crate::entry::{Entry, Filter, Standing, State};

impl Session {
    pub(super) async fn next_due(&self, channel: &str) -> Ran<Option<i64>> {
        let rows = self.query("next due", &[&channel]).await?;
        rows.first().map_or(Ok(None), |row| row.try_get(0))
    }

    pub(super) async fn standing(&self) -> Ran<Vec<Standing>> {
        let found = self.query("standing", &[]).await?;
        found.iter().map(rows::standing).collect()
    }

    pub(super) async fn look(&self, alert: &str) -> Ran<Vec<Entry>> {
        let found = self.query("look", &[&alert]).await?;
        found.iter().map(rows::entry).collect()
    }

    pub(super) async fn letter(&self, key: &Key) -> Ran<Option<Vec<u8>>> {
        let [alert, channel, recipient] = key;
        let found = self.query("letter", &[alert, channel, recipient]).await?;
        found.first().map(|row| row.try_get(0)).transpose()
    }

    pub(super) async fn list(&self, filter: &Filter) -> Ran<Vec<Entry>> {
        let state = filter.state.map(State::word);
        let (since_ms, limit) = (filter.since_ms.unwrap_or(0), limit_of(filter.limit));
        let found = self
            .query("list", &[&filter.channel, &state, &since_ms, &limit])
            .await?;
        found.iter().map(rows::entry).collect()
    }
}
