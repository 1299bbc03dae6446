//! The over-purchase machine: books, their limits, their sums, their end.
//!
//! Pure: time comes in as an argument and effects go out as values. Nothing here depends on the
//! order in which a request and its purchases arrive, nor on how often one of them does.
//!
//! The rule: an order alerts once its limit is known and the sum of its distinct purchases
//! exceeds it; never a second time while its book is open.

mod age;
mod book;
mod books;
mod counted;
mod id;
mod names;
mod places;
mod queue;
mod slots;

pub use books::{Books, Conflict, Counts, Key, Moment, ORDINARY_BOOK_BYTES, Orphan, Settings};
