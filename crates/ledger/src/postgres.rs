//! The shared ledger: tables of a PostgreSQL server, written by one task of each process.

mod deliver;
mod graves;
mod group;
mod reads;
mod rows;
mod schema;
mod session;
mod settle;
mod statements;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use self::{
    group::{Asked, Ran, Request, Shared},
    session::{NoSession, Session},
};
use crate::{
    Claim, Dead, Decision, Doubt, Entry, Filter, Grave, Inserted, Ledger, NewEntry, OpenError,
    Outcome, Recorded, Standing, Swept, Ticket, Wanted,
    ledger::Reply,
    location::Server,
    queue::{Requests, queue},
};

/// At a good-bye, a server that is away is waited for so long.
const CLOSE: Duration = Duration::from_secs(5);

/// Which clock says what is due and leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The server's: the same for all hosts.
    Server,
    /// The `now_ms` of each request: for tests.
    Given,
}

/// A ledger on a server, open. Clones share it; every answer is committed when it comes.
///
/// At most 1,024 requests wait; beyond that, callers wait. A server that goes away is waited
/// for, and what was asked meanwhile is carried out when it is back.
#[derive(Clone)]
pub struct Postgres {
    requests: Requests<dyn Request>,
    shared: Arc<Shared>,
    clock: Clock,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

/// An entry's (alert, channel, recipient).
type Key = [String; 3];

fn key(alert: &str, channel: &str, recipient: &str) -> Key {
    [alert, channel, recipient].map(str::to_owned)
}

impl Postgres {
    /// Connects, and makes the tables if they are not there.
    ///
    /// # Errors
    /// When the server is not there or does not let us in, or the tables are of another version.
    pub async fn open(server: &Server, clock: Clock) -> Result<Self, OpenError> {
        let session = Session::open(server)
            .await
            .map_err(|error| OpenError::Server {
                server: server.to_string(),
                reason: match error {
                    NoSession::Away(why) | NoSession::Refused(why) => why,
                },
            })?;
        let (requests, queue) = queue();
        let shared = Arc::new(Shared::default());
        shared.ahead_ms.store(session.ahead_ms, Ordering::Relaxed);
        tokio::spawn(group::run(
            server.clone(),
            session,
            queue,
            Arc::clone(&shared),
        ));
        Ok(Self {
            requests,
            shared,
            clock,
        })
    }

    /// What a request says of the time.
    fn now(&self, now_ms: i64) -> Option<i64> {
        (self.clock == Clock::Given).then_some(now_ms)
    }

    /// Has `work` done with what was `asked`. The flag that it gets says that it may have been
    /// done before, by a transaction whose end was not heard.
    fn ask<A, T, F>(
        &self,
        asked: A,
        work: impl Fn(Arc<Session>, Arc<A>, bool) -> F + Send + Sync + 'static,
    ) -> Reply<'_, T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Ran<T>> + Send + 'static,
    {
        let asked = Arc::new(asked);
        self.requests.ask(move |place| {
            let work = move |session, again| work(session, Arc::clone(&asked), again).boxed();
            Box::new(Asked::new(Box::new(work), place))
        })
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Ledger for Postgres {
    fn insert(&self, entries: Vec<NewEntry>, now_ms: i64) -> Reply<'_, Vec<Inserted>> {
        let now = self.now(now_ms);
        self.ask(entries, move |session, entries, _| async move {
            let inserts = entries.iter().map(|entry| session.insert(now, entry, None));
            futures::future::try_join_all(inserts).await
        })
    }

    fn insert_dead(&self, entry: NewEntry, note: String, now_ms: i64) -> Reply<'_, Inserted> {
        let now = self.now(now_ms);
        self.ask((entry, note), move |session, asked, _| async move {
            session.insert(now, &asked.0, Some(&asked.1)).await
        })
    }

    fn claim(&self, wanted: Wanted, now_ms: i64) -> Reply<'_, Vec<Claim>> {
        let now = self.now(now_ms);
        self.ask(wanted, move |session, wanted, _| async move {
            session.claim(&wanted, now).await
        })
    }

    fn begin(
        &self,
        tickets: Vec<Ticket>,
        digest: Option<String>,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<bool>> {
        let now = self.now(now_ms);
        self.ask((tickets, digest), move |session, asked, again| async move {
            let (tickets, digest) = (&asked.0, asked.1.as_deref());
            session.begin(tickets, digest, lease_ms, (now, again)).await
        })
    }

    fn record(
        &self,
        tickets: Vec<Ticket>,
        outcome: Outcome,
        now_ms: i64,
    ) -> Reply<'_, Vec<Recorded>> {
        let now = self.now(now_ms);
        self.ask(
            (tickets, outcome),
            move |session, asked, again| async move {
                session.record(&asked.0, &asked.1, (now, again)).await
            },
        )
    }

    fn release(&self, tickets: Vec<Ticket>, at_ms: Option<i64>, now_ms: i64) -> Reply<'_, u64> {
        let now = self.now(now_ms);
        self.ask(tickets, move |session, tickets, _| async move {
            session.release(&tickets, at_ms, now).await
        })
    }

    fn sweep(&self, now_ms: i64) -> Reply<'_, Swept> {
        let now = self.now(now_ms);
        self.ask(
            (),
            move |session, _, _| async move { session.sweep(now).await },
        )
    }

    fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Reply<'_, Vec<Doubt>> {
        self.ask(channel.to_owned(), move |session, channel, _| async move {
            session.doubts(&channel, since_ms, limit_of(limit)).await
        })
    }

    fn resend(&self, tickets: Vec<Ticket>, at_ms: i64, now_ms: i64) -> Reply<'_, u64> {
        let now = self.now(now_ms);
        self.ask(tickets, move |session, tickets, _| async move {
            session.resend(&tickets, at_ms, now).await
        })
    }

    fn resolve(
        &self,
        alert: &str,
        channel: Option<String>,
        recipient: Option<String>,
        decision: Decision,
        now_ms: i64,
    ) -> Reply<'_, u64> {
        let asked = (alert.to_owned(), channel, recipient);
        let now = self.now(now_ms);
        self.ask(asked, move |session, asked, _| async move {
            let (alert, channel, recipient) = &*asked;
            session
                .resolve(
                    alert,
                    channel.as_deref(),
                    recipient.as_deref(),
                    decision,
                    now,
                )
                .await
        })
    }

    fn next_due(&self, channel: &str) -> Reply<'_, Option<i64>> {
        self.ask(channel.to_owned(), |session, channel, _| async move {
            session.next_due(&channel).await
        })
    }

    fn dead(&self, channel: &str, limit: usize) -> Reply<'_, Vec<Dead>> {
        self.ask(channel.to_owned(), move |session, channel, _| async move {
            session.dead(&channel, limit_of(limit)).await
        })
    }

    fn buried(&self, grave: Grave) -> Reply<'_, bool> {
        self.ask((), move |session, _, _| async move {
            session.buried(grave).await
        })
    }

    fn reopen(
        &self,
        alert: &str,
        channel: &str,
        recipient: &str,
        burial: u32,
        now_ms: i64,
    ) -> Reply<'_, Option<bool>> {
        let now = self.now(now_ms);
        self.ask(
            key(alert, channel, recipient),
            move |session, key, _| async move { session.reopen(&key, burial, now).await },
        )
    }

    fn forget(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, bool> {
        self.ask(
            key(alert, channel, recipient),
            |session, key, _| async move { session.forget(&key).await },
        )
    }

    fn prune(&self, before_ms: i64, limit: usize) -> Reply<'_, u64> {
        self.ask((), move |session, _, _| async move {
            session.prune(before_ms, limit_of(limit)).await
        })
    }

    fn standing(&self) -> Reply<'_, Vec<Standing>> {
        self.ask((), |session, _, _| async move { session.standing().await })
    }

    fn look(&self, alert: &str) -> Reply<'_, Vec<Entry>> {
        self.ask(alert.to_owned(), |session, alert, _| async move {
            session.look(&alert).await
        })
    }

    fn letter(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, Option<Vec<u8>>> {
        self.ask(
            key(alert, channel, recipient),
            |session, key, _| async move { session.letter(&key).await },
        )
    }

    fn list(&self, filter: Filter) -> Reply<'_, Vec<Entry>> {
        self.ask(filter, |session, filter, _| async move {
            session.list(&filter).await
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ahead_ms(&self) -> i64 {
        self.shared.ahead_ms.load(Ordering::Relaxed)
    }

    fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // What a server that stays away never heard, the end of its leases says.
            let _ = tokio::time::timeout(CLOSE, self.requests.close()).await;
        })
    }
}
