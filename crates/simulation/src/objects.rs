//! The broker's objects: streams and queues.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use broker::{Message, Offset};

/// A stream: nothing is taken away. Some of its entries are the broker's own.
#[derive(Default)]
pub(crate) struct Log {
    /// `None` is an entry that is never delivered.
    pub(crate) entries: Vec<Option<Arc<Message>>>,
    pub(crate) readers: Vec<Reader>,
}

/// A consumer of a stream.
pub(crate) struct Reader {
    pub(crate) channel: usize,
    pub(crate) next: u64,
}

impl Log {
    /// The messages and their offsets.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (u64, &Arc<Message>)> {
        let entries = (0..).zip(&self.entries);
        entries.filter_map(|(offset, entry)| Some((offset, entry.as_ref()?)))
    }

    /// Where a reader from there begins. The newest chunk is one message or a few.
    pub(crate) fn begin(&self, from: Option<Offset>, chunk: u64) -> u64 {
        let end = self.entries.len() as u64;
        match from {
            Some(Offset::First) => 0,
            Some(Offset::Last) => end.saturating_sub(chunk),
            Some(Offset::At(offset)) => offset,
            Some(Offset::Next) | None => end,
        }
    }
}

/// A queue. What was not acknowledged comes back to its place.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) is_single_active: bool,
    pub(crate) ready: BTreeMap<u64, Arc<Message>>,
    pub(crate) next_place: u64,
    /// Channels of the consumers; the first one is next, or active.
    pub(crate) consumers: VecDeque<usize>,
}

impl Queue {
    pub(crate) fn put(&mut self, message: Arc<Message>) {
        self.ready.insert(self.next_place, message);
        self.next_place += 1;
    }

    /// The consumer that gets the next message, if one may.
    pub(crate) fn next_consumer(&mut self, has_credit: impl Fn(usize) -> bool) -> Option<usize> {
        if self.is_single_active {
            return self
                .consumers
                .front()
                .copied()
                .filter(|&channel| has_credit(channel));
        }
        let turn = self
            .consumers
            .iter()
            .position(|&channel| has_credit(channel))?;
        let channel = self.consumers.remove(turn)?;
        self.consumers.push_back(channel);
        Some(channel)
    }
}
