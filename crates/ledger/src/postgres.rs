//! The shared ledger: tables of a PostgreSQL server, written by one task of each process.

mod group;
mod rows;
mod schema;
mod session;
mod statements;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Row, types::ToSql};

use self::{
    group::{Asked, Command, QUEUE, Ran, Request, Shared},
    session::{NoSession, Session},
};
use crate::{
    Claim, Dead, Decision, Doubt, Entry, Error, Filter, Grave, Inserted, Ledger, NewEntry,
    OpenError, Outcome, Recorded, Standing, State, Swept, Ticket, entry::hash, ledger::Reply,
    location::Server,
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
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    clock: Clock,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
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
        let (commands, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::default());
        shared.ahead_ms.store(session.ahead_ms, Ordering::Relaxed);
        tokio::spawn(group::run(
            server.clone(),
            session,
            queue,
            Arc::clone(&shared),
        ));
        Ok(Self {
            commands,
            shared,
            clock,
        })
    }

    /// What a request says of the time.
    fn now(&self, now_ms: i64) -> Option<i64> {
        (self.clock == Clock::Given).then_some(now_ms)
    }

    fn ask<T, F>(
        &self,
        work: impl Fn(Arc<Session>, bool) -> F + Send + Sync + 'static,
    ) -> Reply<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Ran<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request: Box<dyn Request> = Box::new(Asked {
            work: Box::new(move |session, again| work(session, again).boxed()),
            result: None,
            reply,
        });
        Box::pin(async move {
            self.commands
                .send(Command::Run(request))
                .await
                .map_err(|_| Error::Closed)?;
            answer.await.map_err(|_| Error::Closed)?
        })
    }

    fn claim_of(
        &self,
        channel: &str,
        recipient: Option<String>,
        limit: usize,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<Claim>> {
        let asked = Arc::new((channel.to_owned(), recipient));
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let asked = Arc::clone(&asked);
            async move {
                let (channel, recipient) = &*asked;
                let claimed = session
                    .query(
                        "claim",
                        &[&now, channel, &limit_of(limit), &lease_ms, recipient],
                    )
                    .await?;
                claimed.iter().map(rows::claim).collect()
            }
        })
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Tickets as the statements take them.
fn arrays(tickets: &[Ticket]) -> (Vec<i64>, Vec<i64>) {
    tickets.iter().map(|t| (t.seq, t.fence)).unzip()
}

/// Inserts an entry, as failed when there is a note that says why.
async fn insert(
    session: &Session,
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
    let new: [&(dyn ToSql + Sync); 7] = [&now, alert, channel, recipient, &hash, payload, &note];
    let known: [&(dyn ToSql + Sync); 4] = [alert, channel, recipient, &hash];
    let (new, known) = futures::try_join!(
        session.query("insert", &new),
        session.query("known", &known),
    )?;
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

fn is_hit(rows: &[Row]) -> bool {
    !rows.is_empty()
}

impl Ledger for Postgres {
    fn insert(&self, entries: Vec<NewEntry>, now_ms: i64) -> Reply<'_, Vec<Inserted>> {
        let entries = Arc::new(entries);
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let entries = Arc::clone(&entries);
            async move {
                let inserts = entries
                    .iter()
                    .map(|entry| insert(&session, now, entry, None));
                futures::future::try_join_all(inserts).await
            }
        })
    }

    fn insert_dead(&self, entry: NewEntry, note: String, now_ms: i64) -> Reply<'_, Inserted> {
        let asked = Arc::new((entry, note));
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let asked = Arc::clone(&asked);
            async move {
                let (entry, note) = &*asked;
                insert(&session, now, entry, Some(note)).await
            }
        })
    }

    fn claim(
        &self,
        channel: &str,
        limit: usize,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<Claim>> {
        self.claim_of(channel, None, limit, lease_ms, now_ms)
    }

    fn claim_for(
        &self,
        channel: &str,
        recipient: &str,
        limit: usize,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<Claim>> {
        self.claim_of(channel, Some(recipient.to_owned()), limit, lease_ms, now_ms)
    }

    fn begin(
        &self,
        tickets: Vec<Ticket>,
        digest: Option<String>,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<bool>> {
        let asked = Arc::new((tickets, digest));
        let now = self.now(now_ms);
        self.ask(move |session, again| {
            let asked = Arc::clone(&asked);
            async move {
                let (tickets, digest) = &*asked;
                let (seqs, fences) = arrays(tickets);
                let begun = session
                    .query("begin", &[&now, &again, &seqs, &fences, digest, &lease_ms])
                    .await?;
                let begun: Vec<Ticket> = begun.iter().map(rows::ticket).collect::<Ran<_>>()?;
                Ok(tickets.iter().map(|t| begun.contains(t)).collect())
            }
        })
    }

    fn record(
        &self,
        tickets: Vec<Ticket>,
        outcome: Outcome,
        now_ms: i64,
    ) -> Reply<'_, Vec<Recorded>> {
        let (state, at_ms, note) = match outcome {
            Outcome::Delivered(note) => (State::Delivered, now_ms, note),
            Outcome::Failed(note) => (State::Failed, now_ms, note),
            Outcome::RetryAt { at_ms, note } => (State::RetryAt, at_ms, note),
            Outcome::InDoubt(note) => (State::InDoubt, now_ms, note),
        };
        let asked = Arc::new((tickets, note.replace('\0', "\u{fffd}")));
        let now = self.now(now_ms);
        self.ask(move |session, again| {
            let asked = Arc::clone(&asked);
            async move {
                let (tickets, note) = &*asked;
                let (seqs, fences) = arrays(tickets);
                let word = state.word();
                let decided = session
                    .query(
                        "record",
                        &[&now, &again, &seqs, &fences, &word, &at_ms, note],
                    )
                    .await?;
                let of = |seq: &i64| -> Ran<Recorded> {
                    for row in &decided {
                        if row.try_get::<_, i64>(0)? == *seq
                            && row.try_get::<_, Option<&str>>(1)?.is_some()
                        {
                            return Ok(Recorded::Now(rows::state(row, 1)?));
                        }
                    }
                    Ok(Recorded::Stale)
                };
                seqs.iter().map(of).collect()
            }
        })
    }

    fn release(&self, tickets: Vec<Ticket>, at_ms: Option<i64>, now_ms: i64) -> Reply<'_, u64> {
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let (seqs, fences) = arrays(&tickets);
            async move {
                let released = session
                    .query("release", &[&now, &seqs, &fences, &at_ms])
                    .await?;
                Ok(released.len() as u64)
            }
        })
    }

    fn sweep(&self, now_ms: i64) -> Reply<'_, Swept> {
        let now = self.now(now_ms);
        self.ask(move |session, _| async move {
            let now: [&(dyn ToSql + Sync); 1] = [&now];
            let (in_doubt, returned) = futures::try_join!(
                session.query("sweep sending", &now),
                session.query("sweep claimed", &now),
            )?;
            Ok(Swept {
                returned: returned.len() as u64,
                in_doubt: in_doubt.len() as u64,
            })
        })
    }

    fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Reply<'_, Vec<Doubt>> {
        let channel = channel.to_owned();
        self.ask(move |session, _| {
            let channel = channel.clone();
            async move {
                let found = session
                    .query("doubts", &[&channel, &since_ms, &limit_of(limit)])
                    .await?;
                found.iter().map(rows::doubt).collect()
            }
        })
    }

    fn resend(&self, tickets: Vec<Ticket>, at_ms: i64, now_ms: i64) -> Reply<'_, u64> {
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let (seqs, fences) = arrays(&tickets);
            async move {
                let moved = session
                    .query("resend", &[&now, &seqs, &fences, &at_ms])
                    .await?;
                Ok(moved.len() as u64)
            }
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
        let asked = Arc::new((alert.to_owned(), channel, recipient));
        let now = self.now(now_ms);
        let name = match decision {
            Decision::Delivered => "resolve delivered",
            Decision::Resend => "resolve resend",
        };
        self.ask(move |session, _| {
            let asked = Arc::clone(&asked);
            async move {
                let (alert, channel, recipient) = &*asked;
                let resolved = session
                    .query(name, &[&now, alert, channel, recipient])
                    .await?;
                Ok(resolved.len() as u64)
            }
        })
    }

    fn next_due(&self, channel: &str) -> Reply<'_, Option<i64>> {
        let channel = channel.to_owned();
        self.ask(move |session, _| {
            let channel = channel.clone();
            async move {
                let rows = session.query("next due", &[&channel]).await?;
                rows.first().map_or(Ok(None), |row| row.try_get(0))
            }
        })
    }

    fn dead(&self, channel: &str, limit: usize) -> Reply<'_, Vec<Dead>> {
        let channel = channel.to_owned();
        self.ask(move |session, _| {
            let channel = channel.clone();
            async move {
                let found = session.query("dead", &[&channel, &limit_of(limit)]).await?;
                found.iter().map(rows::dead).collect()
            }
        })
    }

    fn buried(&self, grave: Grave) -> Reply<'_, bool> {
        self.ask(move |session, _| async move {
            let burial = i64::from(grave.burial);
            let found = session.query("buried", &[&grave.seq, &burial]).await?;
            Ok(is_hit(&found))
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
        let key = Arc::new([alert, channel, recipient].map(str::to_owned));
        let now = self.now(now_ms);
        self.ask(move |session, _| {
            let key = Arc::clone(&key);
            async move {
                let [alert, channel, recipient] = &*key;
                let burial = i64::from(burial);
                let reopen: [&(dyn ToSql + Sync); 5] = [&now, alert, channel, recipient, &burial];
                let key: [&(dyn ToSql + Sync); 3] = [alert, channel, recipient];
                let (opened, known) = futures::try_join!(
                    session.query("reopen", &reopen),
                    session.query("letter", &key),
                )?;
                Ok((is_hit(&opened) || is_hit(&known)).then_some(is_hit(&opened)))
            }
        })
    }

    fn forget(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, bool> {
        let key = Arc::new([alert, channel, recipient].map(str::to_owned));
        self.ask(move |session, _| {
            let key = Arc::clone(&key);
            async move {
                let [alert, channel, recipient] = &*key;
                let gone = session
                    .query("forget", &[alert, channel, recipient])
                    .await?;
                Ok(is_hit(&gone))
            }
        })
    }

    fn prune(&self, before_ms: i64, limit: usize) -> Reply<'_, u64> {
        self.ask(move |session, _| async move {
            let gone = session
                .query("prune", &[&before_ms, &limit_of(limit)])
                .await?;
            Ok(gone.len() as u64)
        })
    }

    fn standing(&self) -> Reply<'_, Vec<Standing>> {
        self.ask(|session, _| async move {
            let found = session.query("standing", &[]).await?;
            found.iter().map(rows::standing).collect()
        })
    }

    fn look(&self, alert: &str) -> Reply<'_, Vec<Entry>> {
        let alert = alert.to_owned();
        self.ask(move |session, _| {
            let alert = alert.clone();
            async move {
                let found = session.query("look", &[&alert]).await?;
                found.iter().map(rows::entry).collect()
            }
        })
    }

    fn letter(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, Option<Vec<u8>>> {
        let key = Arc::new([alert, channel, recipient].map(str::to_owned));
        self.ask(move |session, _| {
            let key = Arc::clone(&key);
            async move {
                let [alert, channel, recipient] = &*key;
                let found = session
                    .query("letter", &[alert, channel, recipient])
                    .await?;
                found.first().map(|row| row.try_get(0)).transpose()
            }
        })
    }

    fn list(&self, filter: Filter) -> Reply<'_, Vec<Entry>> {
        self.ask(move |session, _| {
            let channel = filter.channel.clone();
            let state = filter.state.map(State::word);
            let (since_ms, limit) = (filter.since_ms.unwrap_or(0), limit_of(filter.limit));
            async move {
                let found = session
                    .query("list", &[&channel, &state, &since_ms, &limit])
                    .await?;
                found.iter().map(rows::entry).collect()
            }
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
            let (done, closed) = oneshot::channel();
            let asked = async {
                if self.commands.send(Command::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
            };
            // What a server that stays away never heard, the end of its leases says.
            let _ = tokio::time::timeout(CLOSE, asked).await;
        })
    }
}
