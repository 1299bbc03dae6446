//! What becomes of leases that ran out, and of doubts.

use tokio_postgres::types::ToSql;

use super::{deliver::arrays, group::Ran, rows, session::Session};
use crate::entry::{Decision, Doubt, Swept, Ticket};

impl Session {
    pub(super) async fn sweep(&self, now: Option<i64>) -> Ran<Swept> {
        let now: [&(dyn ToSql + Sync); 1] = [&now];
        let (in_doubt, returned) = futures::try_join!(
            self.query("sweep sending", &now),
            self.query("sweep claimed", &now),
        )?;
        Ok(Swept {
            returned: returned.len() as u64,
            in_doubt: in_doubt.len() as u64,
        })
    }

    pub(super) async fn doubts(&self, channel: &str, since_ms: i64, limit: i64) -> Ran<Vec<Doubt>> {
        let found = self.query("doubts", &[&channel, &since_ms, &limit]).await?;
        found.iter().map(rows::doubt).collect()
    }

    pub(super) async fn resend(
        &self,
        tickets: &[Ticket],
        at_ms: i64,
        now: Option<i64>,
    ) -> Ran<u64> {
        let (seqs, fences) = arrays(tickets);
        let moved = self
            .query("resend", &[&now, &seqs, &fences, &at_ms])
            .await?;
        Ok(moved.len() as u64)
    }

    pub(super) async fn resolve(
        &self,
        alert: &str,
        channel: Option<&str>,
        recipient: Option<&str>,
        decision: Decision,
        now: Option<i64>,
    ) -> Ran<u64> {
        let name = match decision {
            Decision::Delivered => "resolve delivered",
            Decision::Resend => "resolve resend",
        };
        let resolved = self
            .query(name, &[&now, &alert, &channel, &recipient])
            .await?;
        Ok(resolved.len() as u64)
    }
}
