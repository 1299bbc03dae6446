//! So many deliveries at the same time, and no more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// The places of a channel's deliveries.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    taken: AtomicUsize,
    freed: Notify,
}

/// A place, until it is dropped: when the answer is there. What comes of it need not be on disk
/// by then.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    pub(super) fn free(&self) -> usize {
        self.most.saturating_sub(self.taken.load(Ordering::SeqCst))
    }

    /// A place for whoever saw that one is free.
    pub(super) fn take(self: &Arc<Self>) -> Slot {
        self.taken.fetch_add(1, Ordering::SeqCst);
        Slot(Arc::clone(self))
    }

    /// Waits until one was freed since the last time.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        self.0.freed.notify_one();
    }
}
