//! The embedded ledger: an SQLite file, written by one thread.

mod checkpoint;
mod file;
mod graves;
mod lock;
#[cfg(test)]
mod plans;
mod reads;
mod store;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub(crate) use file::VERSION;
use futures::future::BoxFuture;

use self::{
    checkpoint::Checkpoints,
    store::Store,
    writer::{Asked, Holder, Request},
};
use crate::{
    Claim, Dead, Decision, Doubt, Entry, Error, Filter, Grave, Inserted, Ledger, NewEntry,
    OpenError, Outcome, Recorded, Standing, Swept, Ticket, Wanted,
    ledger::Reply,
    queue::{Requests, queue},
};

/// A ledger file, open. Clones share it; every answer is on disk when it comes.
///
/// At most 1,024 requests wait for the writer; beyond that, callers wait. A request whose
/// caller went away is still carried out.
#[derive(Clone)]
pub struct Sqlite {
    requests: Requests<dyn Request>,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the file, or makes it. What the last process left `claimed` is `pending` again and
    /// what it left `sending` is `in_doubt`; both are counted in the answer. `now_ms` is the
    /// time in milliseconds since the epoch.
    ///
    /// # Errors
    /// When another process has it, or it is not a ledger that this program can use. Nothing
    /// was written then.
    pub fn open(path: &Path, now_ms: i64) -> Result<(Self, Swept), OpenError> {
        let (connection, lock) = file::open(path)?;
        let store = Store::new(connection);
        let recovered = store
            .recover(now_ms)
            .map_err(|error| unusable(path, error.to_string()))?;
        let own = file::attach(path).map_err(|error| unusable(path, error.to_string()))?;
        let checkpoints =
            Checkpoints::start(own, &store.connection).map_err(|reason| unusable(path, reason))?;
        let holder = Holder { checkpoints, lock };
        Ok((Self::start(path, store, Some(holder))?, recovered))
    }

    /// Opens a ledger that is there already, beside the process that holds it if there is one:
    /// for people's questions and decisions. Nothing is recovered.
    ///
    /// # Errors
    /// When there is none, or it is not a ledger that this program can use.
    pub fn beside(path: &Path) -> Result<Self, OpenError> {
        let store = Store::new(file::open_beside(path)?);
        Self::start(path, store, None)
    }

    fn start(path: &Path, store: Store, holder: Option<Holder>) -> Result<Self, OpenError> {
        let (requests, queue) = queue();
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer::write(store, holder, queue, &counter))
            .map_err(|error| unusable(path, error.to_string()))?;
        Ok(Self { requests, commits })
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<'_, T> {
        self.requests
            .ask(move |place| Box::new(Asked::new(work, place)))
    }
}

fn unusable(path: &Path, reason: String) -> OpenError {
    OpenError::Unusable {
        path: path.to_owned(),
        reason,
    }
}

/// What SQLite says, for people.
fn error(error: &rusqlite::Error) -> Error {
    let damaged = if file::is_damage(error) {
        "damaged: "
    } else {
        ""
    };
    Error::Storage {
        reason: format!("{damaged}{error}"),
        remedy: "free space or restore the file, then start again",
    }
}

impl Ledger for Sqlite {
    fn insert(&self, entries: Vec<NewEntry>, now_ms: i64) -> Reply<'_, Vec<Inserted>> {
        self.ask(move |store| entries.iter().map(|e| store.insert(e, now_ms)).collect())
    }

    fn insert_dead(&self, entry: NewEntry, note: String, now_ms: i64) -> Reply<'_, Inserted> {
        self.ask(move |store| store.insert_dead(&entry, &note, now_ms))
    }

    fn claim(&self, wanted: Wanted, now_ms: i64) -> Reply<'_, Vec<Claim>> {
        self.ask(move |store| store.claim(&wanted, now_ms))
    }

    fn begin(
        &self,
        tickets: Vec<Ticket>,
        digest: Option<String>,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<bool>> {
        let until_ms = now_ms.saturating_add(lease_ms);
        self.ask(move |store| {
            let begin = |ticket| store.begin(ticket, digest.as_deref(), until_ms, now_ms);
            tickets.into_iter().map(begin).collect()
        })
    }

    fn record(
        &self,
        tickets: Vec<Ticket>,
        outcome: Outcome,
        now_ms: i64,
    ) -> Reply<'_, Vec<Recorded>> {
        self.ask(move |store| {
            let record = |ticket| store.record(ticket, &outcome, now_ms);
            tickets.into_iter().map(record).collect()
        })
    }

    fn release(&self, tickets: Vec<Ticket>, at_ms: Option<i64>, now_ms: i64) -> Reply<'_, u64> {
        self.ask(move |store| {
            let release = |ticket| store.release(ticket, at_ms, now_ms);
            tickets.into_iter().map(release).sum()
        })
    }

    fn sweep(&self, now_ms: i64) -> Reply<'_, Swept> {
        self.ask(move |store| store.sweep(now_ms))
    }

    fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Reply<'_, Vec<Doubt>> {
        let channel = channel.to_owned();
        self.ask(move |store| store.doubts(&channel, since_ms, limit))
    }

    fn resend(&self, tickets: Vec<Ticket>, at_ms: i64, now_ms: i64) -> Reply<'_, u64> {
        self.ask(move |store| {
            let resend = |ticket| store.resend(ticket, at_ms, now_ms);
            tickets.into_iter().map(resend).sum()
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
        let alert = alert.to_owned();
        self.ask(move |store| {
            let (channel, recipient) = (channel.as_deref(), recipient.as_deref());
            store.resolve(&alert, channel, recipient, decision, now_ms)
        })
    }

    fn next_due(&self, channel: &str) -> Reply<'_, Option<i64>> {
        let channel = channel.to_owned();
        self.ask(move |store| store.next_due(&channel))
    }

    fn dead(&self, channel: &str, limit: usize) -> Reply<'_, Vec<Dead>> {
        let channel = channel.to_owned();
        self.ask(move |store| store.dead(&channel, limit))
    }

    fn buried(&self, grave: Grave) -> Reply<'_, bool> {
        self.ask(move |store| store.buried(grave))
    }

    fn reopen(
        &self,
        alert: &str,
        channel: &str,
        recipient: &str,
        burial: u32,
        now_ms: i64,
    ) -> Reply<'_, Option<bool>> {
        let key = [alert, channel, recipient].map(str::to_owned);
        self.ask(move |store| store.reopen(&key, burial, now_ms))
    }

    fn forget(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, bool> {
        let key = [alert, channel, recipient].map(str::to_owned);
        self.ask(move |store| store.forget(&key))
    }

    fn prune(&self, before_ms: i64, limit: usize) -> Reply<'_, u64> {
        self.ask(move |store| store.prune(before_ms, limit))
    }

    fn standing(&self) -> Reply<'_, Vec<Standing>> {
        self.ask(Store::standing)
    }

    fn look(&self, alert: &str) -> Reply<'_, Vec<Entry>> {
        let alert = alert.to_owned();
        self.ask(move |store| store.look(&alert))
    }

    fn letter(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, Option<Vec<u8>>> {
        let key = [alert, channel, recipient].map(str::to_owned);
        self.ask(move |store| store.letter(&key))
    }

    fn list(&self, filter: Filter) -> Reply<'_, Vec<Entry>> {
        self.ask(move |store| store.list(&filter))
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.requests.close())
    }
}
