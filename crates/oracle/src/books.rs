//! Books in the plainest way: a list of trades for each order.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::expected::Expected;
use crate::seen::{self, Seen};

/// Sees trades one by one and says in the end which alerts had to come out.
///
/// It remembers all trades of every order until [`Oracle::close`] or
/// [`Oracle::into_expected`]; close orders that are complete to keep it small.
#[derive(Debug, Default)]
pub struct Oracle {
    ttl_us: Option<i64>,
    /// The largest time seen.
    log_time_us: Option<i64>,
    #[allow(
        clippy::disallowed_types,
        reason = "made for each trade of a measurement; what comes out is sorted"
    )]
    books: std::collections::HashMap<String, Book>,
    /// Of books whose TTL has ended them.
    expected: Vec<Expected>,
}

#[derive(Debug)]
struct Book {
    /// The log time at its first trade; `None` if no trade had carried a time by then: such
    /// a book stays open to the end.
    opened_us: Option<i64>,
    trades: Vec<Seen>,
}

impl Oracle {
    /// An oracle whose books never end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An oracle whose books end by log time, as the design has it.
    ///
    /// Log time is the largest `time` seen in any trade so far (a trade without one does not
    /// move it). A book is opened by the first trade of its order, at the log time of that
    /// moment, the trade's own time included. It ends when log time passes its opening by
    /// `ttl_us` microseconds: a trade at exactly opening + TTL still belongs to it, one later
    /// opens the next book of the order. A book alerts at most once.
    #[must_use]
    pub fn with_ttl(ttl_us: i64) -> Self {
        Self {
            ttl_us: Some(ttl_us),
            ..Self::default()
        }
    }

    /// Takes the next trade as a JSON value. A value that is no trade counts for nothing, not
    /// even its time; with a TTL, a trade whose `time` cannot be read is none.
    ///
    /// Rules about the text that the value was parsed from (its length, a field that stands
    /// there twice) are the caller's.
    pub fn see(&mut self, trade: &Value) {
        let Some((order_id, seen)) = seen::read(trade) else {
            return;
        };
        if self.ttl_us.is_some() {
            let Ok(time_us) = seen::time_us(trade) else {
                return;
            };
            self.log_time_us = self.log_time_us.max(time_us);
        }
        self.note(&order_id, seen);
    }

    /// Takes a purchase request that the caller knows without its JSON.
    pub fn request(&mut self, order_id: &str, shares: u64, client: &str, stock: &str) {
        let (client, stock) = (client.to_owned(), stock.to_owned());
        self.note(
            order_id,
            Seen::Request {
                shares,
                client,
                stock,
            },
        );
    }

    /// Takes a purchase that the caller knows without its JSON.
    pub fn purchase(&mut self, order_id: &str, id: &str, shares: u64) {
        let id = id.to_owned();
        self.note(order_id, Seen::Purchase { id, shares });
    }

    /// Ends the book of an order that is known to be complete, and forgets it. Gives the alert
    /// that had to come out of it, which [`Oracle::into_expected`] does not repeat.
    pub fn close(&mut self, order_id: &str) -> Option<Expected> {
        let book = self.books.remove(order_id)?;
        verdict(order_id, &book.trades)
    }

    /// How many books are open: the orders that are remembered with all their trades.
    #[must_use]
    pub fn open_books(&self) -> usize {
        self.books.len()
    }

    /// Ends all books. Gives every alert that had to come out of them and of those whose TTL
    /// ended them, sorted by order id.
    #[must_use]
    pub fn into_expected(mut self) -> Vec<Expected> {
        for (order_id, book) in &self.books {
            self.expected.extend(verdict(order_id, &book.trades));
        }
        self.expected.sort();
        self.expected
    }

    fn note(&mut self, order_id: &str, seen: Seen) {
        let now_us = self.log_time_us;
        let ended = match (self.books.get(order_id), self.ttl_us, now_us) {
            (Some(book), Some(ttl_us), Some(now_us)) => book
                .opened_us
                .is_some_and(|opened_us| now_us > opened_us.saturating_add(ttl_us)),
            _ => false,
        };
        if ended {
            let alert = self.close(order_id);
            self.expected.extend(alert);
        }
        match self.books.get_mut(order_id) {
            Some(book) => book.trades.push(seen),
            None => {
                let book = Book {
                    opened_us: now_us,
                    trades: vec![seen],
                };
                self.books.insert(order_id.to_owned(), book);
            }
        }
    }
}

/// Whether these trades of one order over-purchase it.
fn verdict(order_id: &str, trades: &[Seen]) -> Option<Expected> {
    let (requested, client, stock) = trades.iter().find_map(|trade| match trade {
        Seen::Request {
            shares,
            client,
            stock,
        } => Some((*shares, client, stock)),
        Seen::Purchase { .. } => None,
    })?;

    let mut counted = BTreeSet::new();
    let mut purchased_total = 0_u128;
    for trade in trades {
        if let Seen::Purchase { id, shares } = trade
            && counted.insert(id)
        {
            purchased_total += u128::from(*shares);
        }
    }

    (purchased_total > u128::from(requested)).then(|| Expected {
        order_id: order_id.to_owned(),
        client: client.clone(),
        stock: stock.clone(),
        requested,
        purchased_total,
    })
}
