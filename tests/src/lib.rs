//! The harness: private brokers, the real programs, real sinks, and words to test them with.
//!
//! [`on_a_stage`] gives a test a vhost of its own on a broker that all tests of the run share,
//! and a folder. On the [`Stage`] it declares the topology, starts programs as they are built
//! (child processes that it can kill, pause and read the output of), publishes raw messages and
//! takes what comes out. When a test fails, the end of what each program said is in the failure.
//!
//! The harness speaks AMQP by itself and shares no line with the crate `broker`: it is the
//! witness. It waits for conditions with a deadline and never sleeps in hope. What it starts
//! ends with it, even when it is killed: services through [`private_broker::Kept`], programs
//! by the parent's death signal.

mod alerts;
mod amqp;
mod brokers;
mod counting;
mod mail;
mod median;
mod message;
mod nagios;
mod observed;
mod program;
mod runtime;
mod stage;
mod terminal;
mod token;
mod trades;
mod wait;
mod webhook;

pub use alerts::{fenced_alerts, missed_alerts, none_missed, same_alerts};
pub use amqp::{Amqp, Attending, Binding};
pub use brokers::shared_broker;
pub use counting::{Arrival, CountingSink, NSCA_PASSWORD};
pub use mail::MailServer;
pub use median::median;
pub use message::Message;
pub use nagios::PrivateNagios;
pub use program::{Finished, Program, Start, binary};
pub use stage::{
    Outcome, Stage, on_a_stage, on_a_stage_where, on_a_stage_with_its_broker, on_each_release,
};
pub use terminal::Terminal;
pub use token::{InLine, purge};
pub use trades::{alert_of, purchase, request};
pub use wait::{PATIENCE, until, within};
pub use webhook::Webhook;

use std::path::{Path, PathBuf};

/// A file of the repository, by its path below the root.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
