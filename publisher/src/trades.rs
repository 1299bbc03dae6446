//! Where a pump takes its trades from.

use program::Fault;

use crate::feed::{Counts, Feed, Next};

/// The trades of a run, one after the other, each when it is due.
pub(crate) trait Trades {
    /// The next trade, if it is due at `now_us` (microseconds since the start).
    fn next(&mut self, now_us: u64) -> Result<Next, Fault>;

    /// The trade that was given last: one line, without a newline.
    fn json(&self) -> &[u8];

    /// Whether their time is over at `now_us`.
    fn is_over(&self, now_us: u64) -> bool;

    /// When it is, in microseconds since the start, if ever.
    fn until_us(&self) -> Option<u64>;

    /// Since when a trade that was due at `due_us` and is given at `now_us` waits.
    fn since_us(&self, due_us: u64, now_us: u64) -> u64;

    /// What was given so far.
    fn counts(&self) -> Counts;

    /// Waits until [`Trades::next`] no longer says wait. Loses nothing if dropped.
    fn arrived(&mut self) -> impl Future<Output = ()> + Send;
}

impl Trades for Feed {
    fn next(&mut self, now_us: u64) -> Result<Next, Fault> {
        Feed::next(self, now_us)
    }

    fn json(&self) -> &[u8] {
        Feed::json(self)
    }

    fn is_over(&self, now_us: u64) -> bool {
        Feed::is_over(self, now_us)
    }

    fn until_us(&self) -> Option<u64> {
        self.until_us
    }

    fn since_us(&self, due_us: u64, now_us: u64) -> u64 {
        self.schedule.since_us(due_us, now_us)
    }

    fn counts(&self) -> Counts {
        Feed::counts(self)
    }

    async fn arrived(&mut self) {
        Feed::arrived(self).await;
    }
}
