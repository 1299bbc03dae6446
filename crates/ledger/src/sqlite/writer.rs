//! The one thread that writes: it takes what has queued up, runs it in one transaction, and
//! answers after the commit. While a commit waits for the disk the next group gathers, so many
//! claims share one fsync.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rusqlite::{Transaction, TransactionBehavior};

use super::{checkpoint::Checkpoints, lock::Lock, store::Store};
use crate::{
    Error,
    queue::{Place, Queue, gather},
};

/// A request whose answer waits for the commit.
pub(crate) trait Request: Send {
    /// Does the work, inside the transaction.
    fn run(&mut self, store: &Store) -> rusqlite::Result<()>;
    /// Hands the result to whoever asked.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// A piece of work and where its result goes.
pub(crate) struct Asked<W, T> {
    work: Option<W>,
    place: Place<T>,
}

impl<W, T> Asked<W, T> {
    pub(crate) fn new(work: W, place: Place<T>) -> Self {
        Self {
            work: Some(work),
            place,
        }
    }
}

impl<W, T> Request for Asked<W, T>
where
    W: FnOnce(&Store) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, store: &Store) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.place.result = Some(work(store)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        self.place.answer(committed);
    }
}

/// What only the process that delivers has.
pub(crate) struct Holder {
    pub(super) checkpoints: Checkpoints,
    pub(super) lock: Lock,
}

/// The thread's main: ends when told to, or when every handle is dropped.
pub(crate) fn write(
    store: Store,
    mut holder: Option<Holder>,
    mut commands: Queue<dyn Request>,
    commits: &Arc<AtomicU64>,
) {
    let mut told_to_close = None;
    while told_to_close.is_none() {
        let Some(first) = commands.blocking_recv() else {
            break;
        };
        let group = gather(first, &mut commands);
        told_to_close = group.close;
        if !group.requests.is_empty() {
            commit(&store, group.requests);
            commits.fetch_add(1, Ordering::Relaxed);
            if let Some(holder) = &mut holder {
                holder.checkpoints.committed(&store.connection);
            }
        }
    }
    drop(commands);
    let lock = holder.map(|holder| {
        drop(holder.checkpoints);
        holder.lock
    });
    drop(store); // closes the file, and only then
    drop(lock);
    if let Some(done) = told_to_close {
        let _ = done.send(());
    }
}

fn commit(store: &Store, mut group: Vec<Box<dyn Request>>) {
    let committed = transact(store, &mut group).map_err(|error| super::error(&error));
    for request in group {
        request.answer(committed.clone());
    }
}

/// All of a group or nothing of it: an error here is the disk's or the file's, never one
/// request's own.
fn transact(store: &Store, group: &mut [Box<dyn Request>]) -> rusqlite::Result<()> {
    let transaction =
        Transaction::new_unchecked(&store.connection, TransactionBehavior::Immediate)?;
    for request in group {
        request.run(store)?;
    }
    transaction.commit()
}
