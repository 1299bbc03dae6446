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
//! A claim that [`begins`](Wanted::begins) goes from `pending` to `sending` in one step.
//!
//! `sending` is committed to disk before the first byte goes out, so whatever was `sending`
//! when its process died may have been sent: it becomes `in_doubt`, and nothing but an
//! explicit [`Ledger::resend`] gets it out again. `claimed` has sent nothing and becomes
//! `pending`.
//!
//! There are two of them behind one trait, [`Ledger`]: [`Sqlite`], a file that one process holds
//! at a time, by a lock that the kernel gives up when the process ends, however it ends (that is
//! how the next one knows that every `claimed` and `sending` it finds belongs to a dead process);
//! and [`Postgres`], which several hosts share, where only the end of a lease says so. In both
//! each claim carries a fence number: a worker that was paused past its lease finds its ticket
//! stale.
//!
//! Time is an argument: milliseconds since the epoch, `i64`.

mod entry;
mod error;
mod ledger;
mod location;
mod postgres;
mod queue;
mod sqlite;

pub use entry::{
    Claim, Dead, Decision, Doubt, Entry, Filter, Grave, Inserted, NewEntry, Outcome, Recorded,
    Standing, State, Swept, Ticket, Wanted, hash,
};
pub use error::{Error, OpenError};
pub use ledger::{Ledger, Reply};
pub use location::{Location, Server};
pub use postgres::{Clock, Postgres};
pub use sqlite::Sqlite;
