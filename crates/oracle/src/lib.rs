//! Which orders were over-purchased: the plain reference model.
//!
//! It says slowly and obviously what the over-purchase machine says fast, and shares no line
//! with it: it reads `serde_json` values by itself, keeps every trade of an order in a list,
//! and goes through the list when the order is asked about. Publishers write down what it
//! expects, tests compare it with what came out.
//!
//! The rule: the distinct purchases of an order (counted once by purchase id, the first of
//! each id counts) add up to more than its request (the first one wins). The order of arrival
//! of a request and its purchases does not matter.
//!
//! Pure: no clock, no randomness, no I/O but the reader or writer handed in.

mod books;
mod expected;
mod seen;

pub use books::Oracle;
pub use expected::{Expected, NotExpected, read, write};

use serde_json::Value;

/// The orders that these trades over-purchase, sorted by order id.
///
/// Books never end: for trades that all lie within one TTL. Values that are no trades count
/// for nothing.
#[must_use]
pub fn over_purchased<'a>(trades: impl IntoIterator<Item = &'a Value>) -> Vec<Expected> {
    all(Oracle::new(), trades)
}

/// The same with books that end `ttl_us` microseconds of log time after they were opened, as
/// [`Oracle::with_ttl`] says. An order may stand here more than once, once for each book.
#[must_use]
pub fn over_purchased_within<'a>(
    ttl_us: i64,
    trades: impl IntoIterator<Item = &'a Value>,
) -> Vec<Expected> {
    all(Oracle::with_ttl(ttl_us), trades)
}

fn all<'a>(mut oracle: Oracle, trades: impl IntoIterator<Item = &'a Value>) -> Vec<Expected> {
    for trade in trades {
        oracle.see(trade);
    }
    oracle.into_expected()
}
