//! What is in the messages that are on their way to the plain consumer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::bench::meter::Tag;

/// Trades that may be on their way. A producer that is so far ahead waits, which shows in the
/// latencies.
const MOST_TRADES: usize = 4_000_000;

/// A list for each message, by its number: the tags of its trades, in their order.
#[derive(Debug, Default)]
pub(crate) struct Waybills {
    trades: AtomicUsize,
    lists: Mutex<HashMap<u64, Vec<Tag>>>,
}

impl Waybills {
    pub(crate) fn has_room(&self) -> bool {
        self.trades.load(Ordering::Relaxed) < MOST_TRADES
    }

    pub(crate) fn put(&self, message: u64, tags: Vec<Tag>) {
        self.trades.fetch_add(tags.len(), Ordering::Relaxed);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.insert(message, tags);
    }

    /// The list of a message, once: a message that comes again has none.
    pub(crate) fn take(&self, message: u64) -> Option<Vec<Tag>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let tags = lists.remove(&message)?;
        self.trades.fetch_sub(tags.len(), Ordering::Relaxed);
        Some(tags)
    }
}
