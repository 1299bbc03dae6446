//! How far a run is, for all of its tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::bench::received::Received;

/// What the tasks of a run tell each other.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) confirmed: Count,
    /// Purchases sent that tip their orders.
    pub(crate) tipped: Count,
    received: Mutex<Received>,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Progress {
    pub(crate) fn new(received: Received) -> Self {
        Self {
            confirmed: Count::default(),
            tipped: Count::default(),
            received: Mutex::new(received),
        }
    }

    /// How many purchases that tip their orders have no alert yet.
    pub(crate) fn missing_of_planned(&self) -> u64 {
        self.tipped.get().saturating_sub(self.received().alerts)
    }

    /// What has come out so far.
    pub(crate) fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    pub(crate) fn add(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
