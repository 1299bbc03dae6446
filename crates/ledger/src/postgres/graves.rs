//! What failed: published as undelivered once, and taken up again when somebody asks for it; and
//! what is finished and old.

use tokio_postgres::types::ToSql;

use super::{Key, group::Ran, rows, session::Session};
use crate::entry::{Dead, Grave};

impl Session {
    pub(super) async fn dead(&self, channel: &str, limit: i64) -> Ran<Vec<Dead>> {
        let found = self.query("dead", &[&channel, &limit]).await?;
        found.iter().map(rows::dead).collect()
    }

    pub(super) async fn buried(&self, grave: Grave) -> Ran<bool> {
        let burial = i64::from(grave.burial);
        let found = self.query("buried", &[&grave.seq, &burial]).await?;
        Ok(!found.is_empty())
    }

    pub(super) async fn reopen(
        &self,
        key: &Key,
        burial: u32,
        now: Option<i64>,
    ) -> Ran<Option<bool>> {
        let [alert, channel, recipient] = key;
        let burial = i64::from(burial);
        let reopen: [&(dyn ToSql + Sync); 5] = [&now, alert, channel, recipient, &burial];
        let key: [&(dyn ToSql + Sync); 3] = [alert, channel, recipient];
        let (opened, known) =
            futures::try_join!(self.query("reopen", &reopen), self.query("letter", &key))?;
        let opened = !opened.is_empty();
        Ok((opened || !known.is_empty()).then_some(opened))
    }

    pub(super) async fn forget(&self, key: &Key) -> Ran<bool> {
        let [alert, channel, recipient] = key;
        let gone = self.query("forget", &[alert, channel, recipient]).await?;
        Ok(!gone.is_empty())
    }

    pub(super) async fn prune(&self, before_ms: i64, limit: i64) -> Ran<u64> {
        let gone = self.query("prune", &[&before_ms, &limit]).await?;
        Ok(gone.len() as u64)
    }
}
