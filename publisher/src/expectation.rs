//! What must come out: the oracle listens to all that is sent.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use oracle::{Expected, Oracle};
use uuid::Uuid;

/// Follows the trades that are really sent, so that it is right for a run that was stopped.
#[derive(Debug)]
pub(crate) struct Expectation {
    oracle: Oracle,
    /// Complete orders, and when their last trade has been sent for sure.
    closing: VecDeque<(u64, Uuid)>,
    /// Alerts of complete orders, and the alerts themselves if they are wanted.
    alerts: u64,
    kept: Option<Vec<Expected>>,
}

impl Expectation {
    /// `keeps` the alerts, or only counts them.
    pub(crate) fn new(keeps: bool) -> Self {
        Self {
            oracle: Oracle::new(),
            closing: VecDeque::new(),
            alerts: 0,
            kept: keeps.then(Vec::new),
        }
    }

    pub(crate) fn request(&mut self, order_id: &str, shares: u64, client: &str, stock: &str) {
        self.oracle.request(order_id, shares, client, stock);
    }

    pub(crate) fn purchase(&mut self, order_id: &str, id: &str, shares: u64) {
        self.oracle.purchase(order_id, id, shares);
    }

    /// Takes a recorded trade.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if let Ok(trade) = serde_json::from_slice(line) {
            self.oracle.see(&trade);
        }
    }

    /// No trade of this order is sent any more once `settled` has been reached.
    pub(crate) fn close_at(&mut self, settled: u64, order_id: Uuid) {
        self.closing.push_back((settled, order_id));
    }

    /// Forgets the orders that are settled by now, but for their verdicts.
    pub(crate) fn settle(&mut self, now: u64) {
        let mut text = Uuid::encode_buffer();
        while let Some((settled, order_id)) = self.closing.front()
            && *settled <= now
        {
            let order_id = order_id.hyphenated().encode_lower(&mut text);
            if let Some(alert) = self.oracle.close(order_id) {
                self.alerts += 1;
                if let Some(kept) = &mut self.kept {
                    kept.push(alert);
                }
            }
            self.closing.pop_front();
        }
    }

    /// How many orders are remembered with all their trades.
    #[cfg(test)]
    pub(crate) fn open_orders(&self) -> usize {
        self.oracle.open_books()
    }

    /// How many alerts must come out, and which, sorted by order id, if they were kept.
    pub(crate) fn into_expected(self) -> (u64, Option<Vec<Expected>>) {
        let open = self.oracle.into_expected();
        let alerts = self.alerts + open.len() as u64;
        let kept = self.kept.map(|mut kept| {
            kept.extend(open);
            kept.sort();
            kept
        });
        (alerts, kept)
    }
}

/// Writes the expected alerts into a file.
pub(crate) fn write(expected: &[Expected], path: &Path) -> io::Result<()> {
    oracle::write(expected, BufWriter::new(File::create(path)?))
}
