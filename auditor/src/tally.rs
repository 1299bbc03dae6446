//! What the books of this process did, over all its shards.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use book::{Books, Counts};

/// Sums over the shards of this process; those that were read again count again.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) alerts: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) purchases: AtomicU64,
    pub(crate) repeats: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) orphans: AtomicU64,
    pub(crate) doubtful: AtomicU64,
    pub(crate) misplaced: AtomicU64,
    pub(crate) misplaced_again: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) open_books: AtomicI64,
    pub(crate) routed: AtomicU64,
}

/// The part of a tally that one machine added already.
#[derive(Debug, Default)]
pub(crate) struct Added {
    counts: Counts,
    open_books: i64,
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Adds what changed in these books since the last call.
    pub(crate) fn add_changes(&self, books: &Books, added: &mut Added) {
        let (now, before) = (books.counts(), added.counts);
        Self::add(&self.alerts, now.alerts - before.alerts);
        Self::add(&self.requests, now.requests - before.requests);
        Self::add(&self.purchases, now.purchases - before.purchases);
        Self::add(&self.repeats, now.repeats - before.repeats);
        Self::add(&self.conflicts, now.conflicts - before.conflicts);
        Self::add(&self.expired, now.expired - before.expired);
        Self::add(&self.evicted, now.evicted - before.evicted);
        let open = i64::try_from(books.len()).unwrap_or(i64::MAX);
        self.open_books
            .fetch_add(open - added.open_books, Ordering::Relaxed);
        *added = Added {
            counts: now,
            open_books: open,
        };
    }

    /// Takes back what a machine that ends had open.
    pub(crate) fn end(&self, added: &Added) {
        self.open_books
            .fetch_sub(added.open_books, Ordering::Relaxed);
    }
}
