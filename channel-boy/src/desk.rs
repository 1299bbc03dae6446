//! What the parts of a channel at work share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ledger::Ledger;
use tokio::sync::Notify;

use crate::{clock, config::Channel, flights::Flights, tally::Tally};

/// One channel at work.
pub(crate) struct Desk {
    pub(crate) channel: Channel,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) flights: Flights,
    pub(crate) tally: Tally,
    /// Rung when the ledger holds something new to deliver.
    pub(crate) bell: Notify,
    /// Rung when it holds something new to publish as undelivered.
    pub(crate) knell: Notify,
    open: AtomicU64,
}

impl Desk {
    pub(crate) fn new(channel: Channel, ledger: Arc<dyn Ledger>) -> Self {
        Self {
            channel,
            ledger,
            flights: Flights::default(),
            tally: Tally::default(),
            bell: Notify::new(),
            knell: Notify::new(),
            open: AtomicU64::new(0),
        }
    }

    /// The time by the ledger's clock, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        clock::now_ms().saturating_add(self.ledger.ahead_ms())
    }

    /// Entries of this channel still to be delivered: counted once a second, and the new ones
    /// since then.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// So many entries were inserted.
    pub(crate) fn opened(&self, entries: u64) {
        self.open.fetch_add(entries, Ordering::Relaxed);
        self.bell.notify_one();
    }

    /// Counts anew, and gives what is open and what is in doubt.
    pub(crate) async fn count(&self) -> Result<(u64, u64), ledger::Error> {
        let standing = self.ledger.standing().await?;
        let own = standing.iter().find(|s| s.channel == self.channel.name);
        let (open, in_doubt) = own.map_or((0, 0), |s| (s.open, s.in_doubt));
        self.open.store(open, Ordering::Relaxed);
        Ok((open, in_doubt))
    }
}
