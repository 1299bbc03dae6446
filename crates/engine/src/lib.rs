//! Runs any machine over the shards of a super stream.
//!
//! A machine is a state that the messages of one shard build up, and that has effects: messages
//! to publish. The engine owns shards (one owner at a time, by progress tokens), reads their
//! streams, tells log time, publishes effects with confirms, records progress, and replays what
//! a new owner needs. It knows nothing of trades.
//!
//! What holds whatever is killed, paused, repeated or lost:
//! - an effect is published at least once, with the same bytes each time, because the log is
//!   the only state and the machine a function of it;
//! - nothing that a progress token says is needed for that: tokens save work, no more.

mod counters;
mod keeper;
mod log_time;
mod machine;
mod owner;
mod reading;
mod roster;
mod run;
mod shard;
mod stream;
mod take_over;
mod token;

pub use counters::{Counters, Snapshot};
pub use log_time::{LogTime, Observed};
pub use machine::{FORWARDED_HEADER, LogMessage, Machine, Needed};
pub use run::{Config, run};
pub use shard::{Arrived, Shard, WrongLog};
pub use token::{Token, TokenError};
