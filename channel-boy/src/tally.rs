//! What was done since the start.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// Counters. Messages are counted as they come; deliveries by (alert, recipient).
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages from the queue.
    pub(crate) received: Count,
    /// Messages whose alert was known already, in memory or in the ledger.
    pub(crate) duplicates: Count,
    /// The same key with another payload.
    pub(crate) conflicting: Count,
    /// Messages that hold no alert.
    pub(crate) unreadable: Count,
    /// Messages whose alert the channel's filter leaves out.
    pub(crate) filtered: Count,
    pub(crate) delivered: Count,
    /// Attempts after which another was planned.
    pub(crate) retried: Count,
    pub(crate) failed: Count,
    pub(crate) in_doubt: Count,
    /// Deliveries in doubt that were sent again, because the channel says so.
    pub(crate) resent: Count,
    /// Deliveries in doubt that the provider, when asked, turned out to have.
    pub(crate) proven: Count,
    /// Failures published as undelivered.
    pub(crate) undelivered: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load(Ordering::Relaxed).fmt(f)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "received {} duplicates {} conflicting {} unreadable {} filtered {} delivered {} \
             retried {} failed {} in_doubt {} resent {} proven {} undelivered {}",
            self.received,
            self.duplicates,
            self.conflicting,
            self.unreadable,
            self.filtered,
            self.delivered,
            self.retried,
            self.failed,
            self.in_doubt,
            self.resent,
            self.proven,
            self.undelivered
        )
    }
}
