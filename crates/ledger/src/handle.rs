//! The ledger as its users see it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    entry::{Claim, Doubt, Entry, Inserted, NewEntry, Outcome, Recorded, Standing, Swept, Ticket},
    file::{self, OpenError},
    store::Store,
    writer::{self, Asked, Command, QUEUE},
};

/// Why the ledger did not answer. Nothing of the request was kept; the disk or the file is at
/// fault, and the way on is to stop and look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// SQLite could not do it: disk full, input/output error, damage.
    #[error("write the ledger: {reason}; free space or restore the file, then start again")]
    Storage {
        /// SQLite's words.
        reason: String,
    },
    /// The ledger was closed.
    #[error("write the ledger: it is closed")]
    Closed,
}

impl Error {
    pub(crate) fn from_sqlite(error: &rusqlite::Error) -> Self {
        let damaged = if file::is_damage(error) {
            "damaged: "
        } else {
            ""
        };
        Self::Storage {
            reason: format!("{damaged}{error}"),
        }
    }
}

/// A ledger file, open. Clones share it; every answer is on disk when it comes.
///
/// At most 1,024 requests wait for the writer; beyond that, callers wait. A request whose
/// caller went away is still carried out.
#[derive(Debug, Clone)]
pub struct Ledger {
    commands: mpsc::Sender<Command>,
    commits: Arc<AtomicU64>,
}

impl Ledger {
    /// Opens the file, or makes it. What the last process left `claimed` is `pending` again and
    /// what it left `sending` is `in_doubt`; both are counted in the answer. `now_ms` is the
    /// time in milliseconds since the epoch, here and everywhere below.
    ///
    /// # Errors
    /// When another process has it, or it is not a ledger that this program can use. Nothing
    /// was written then.
    pub fn open(path: &Path, now_ms: i64) -> Result<(Self, Swept), OpenError> {
        let unusable = |reason: String| OpenError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let (connection, lock) = file::open(path)?;
        let store = Store::new(connection);
        let recovered = store.recover(now_ms).map_err(|e| unusable(e.to_string()))?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer::write(store, lock, queue, &counter))
            .map_err(|error| unusable(error.to_string()))?;
        Ok((Self { commands, commits }, recovered))
    }

    /// Inserts entries as `pending`, all in one transaction. The answers are in their order.
    ///
    /// # Errors
    /// See [`Error`], as for every method below.
    pub async fn insert(
        &self,
        entries: Vec<NewEntry>,
        now_ms: i64,
    ) -> Result<Vec<Inserted>, Error> {
        self.ask(move |store| entries.iter().map(|e| store.insert(e, now_ms)).collect())
            .await
    }

    /// Takes up to `limit` due entries of a channel, the longest due first; they are `claimed`
    /// until `now_ms + lease_ms`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn claim(
        &self,
        channel: &str,
        limit: usize,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Vec<Claim>, Error> {
        let channel = channel.to_owned();
        self.ask(move |store| store.claim(&channel, limit, now_ms.saturating_add(lease_ms), now_ms))
            .await
    }

    /// claimed -> sending, leased until `now_ms + lease_ms`. Only after a `true` may a byte be
    /// sent; `false` means that the lease has ended or the ticket is stale.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn begin(&self, ticket: Ticket, lease_ms: i64, now_ms: i64) -> Result<bool, Error> {
        self.ask(move |store| store.begin(ticket, now_ms.saturating_add(lease_ms), now_ms))
            .await
    }

    /// Records how an attempt ended. After the lease has ended, `Delivered` and `Failed` still
    /// settle the entry, and a retry leaves it `in_doubt`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record(
        &self,
        ticket: Ticket,
        outcome: Outcome,
        now_ms: i64,
    ) -> Result<Recorded, Error> {
        self.ask(move |store| store.record(ticket, &outcome, now_ms))
            .await
    }

    /// Gives a claim back: claimed -> pending. False when the ticket is stale.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release(&self, ticket: Ticket, now_ms: i64) -> Result<bool, Error> {
        self.ask(move |store| store.release(ticket, now_ms)).await
    }

    /// Ends the leases that have run out: claimed -> pending, sending -> `in_doubt`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sweep(&self, now_ms: i64) -> Result<Swept, Error> {
        self.ask(move |store| store.sweep(now_ms)).await
    }

    /// Up to `limit` entries in doubt whose first attempt began at `since_ms` or later, the
    /// oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn doubts(
        &self,
        channel: &str,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<Doubt>, Error> {
        let channel = channel.to_owned();
        self.ask(move |store| store.doubts(&channel, since_ms, limit))
            .await
    }

    /// `in_doubt` -> `retry_at`, due at `at_ms`: a decision that a repeat is better than a miss.
    /// False when the entry is no longer in that doubt.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resend(&self, ticket: Ticket, at_ms: i64, now_ms: i64) -> Result<bool, Error> {
        self.ask(move |store| store.resend(ticket, at_ms, now_ms))
            .await
    }

    /// When the next entry of a channel is due, in milliseconds since the epoch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next_due(&self, channel: &str) -> Result<Option<i64>, Error> {
        let channel = channel.to_owned();
        self.ask(move |store| store.next_due(&channel)).await
    }

    /// Deletes up to `limit` entries delivered or failed before `before_ms`, and says how many.
    /// What is open or in doubt stays, however old.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prune(&self, before_ms: i64, limit: usize) -> Result<u64, Error> {
        self.ask(move |store| store.prune(before_ms, limit)).await
    }

    /// What is open and what is in doubt, by channel; channels with neither are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn standing(&self) -> Result<Vec<Standing>, Error> {
        self.ask(|store| store.standing()).await
    }

    /// Every entry of an alert, in the order of channel and recipient.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn look(&self, alert: &str) -> Result<Vec<Entry>, Error> {
        let alert = alert.to_owned();
        self.ask(move |store| store.look(&alert)).await
    }

    /// Transactions committed or refused since the file was opened: fewer than requests, the
    /// more so the more come at once.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Carries out what was asked before, then closes the file and lets go of its lock. Later
    /// requests, of any clone, get [`Error::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Asked::new(work, reply));
        self.commands
            .send(Command::Run(request))
            .await
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}
