//! The durable record of what happened to each (alert, channel, recipient).
//!
//! An entry goes through these states, and no others:
//!
//! ```text
//! pending -> claimed -> sending -> delivered | failed | retry_at | in_doubt
//!    ^          |          |                              |
//!    +- expired +          +--- expired, or its process --+--> in_doubt
//! ```
//!
//! `sending` is committed to disk before the first byte goes out, so whatever was `sending`
//! when its process died may have been sent: it becomes `in_doubt`, and nothing but an
//! explicit [`Ledger::resend`] gets it out again. `claimed` has sent nothing and becomes
//! `pending`.
//!
//! One process holds a ledger file at a time, by a lock that the kernel gives up when the
//! process ends, however it ends. That is how the next one knows that every `claimed` and
//! `sending` it finds belongs to a dead process. Inside the process each claim carries a fence
//! number: a worker that was paused past its lease finds its ticket stale.
//!
//! Time is an argument: milliseconds since the epoch, `i64`.

mod entry;
mod file;
mod handle;
mod lock;
mod store;
mod writer;

pub use entry::{
    Claim, Doubt, Entry, Inserted, NewEntry, Outcome, Recorded, Standing, State, Swept, Ticket,
    hash,
};
pub use file::OpenError;
pub use handle::{Error, Ledger};
