//! Processes and a broker in one thread, under a seeded scheduler: for tests.
//!
//! What runs here is a program's own code, as far as it knows its broker by the traits of
//! `broker`. Every operation on the broker is a point at which the scheduler may delay it, put
//! others first, refuse it, leave it unanswered, cut the connection, crash or pause the process,
//! or crash the broker; a process can also be ended at any point at which it waits. Time is the
//! runtime's paused clock. One seed is one run, always the same.
//!
//! The broker in memory does what was measured on the real one: a queue with a single active
//! consumer gives its messages to the first in the line, and what was not acknowledged comes
//! back; a stream keeps its messages, with entries of the broker's own between them, and is read
//! from any offset; requests on one connection
//! arrive in order; of what is on its way when a process dies, the broker gets the first part.

mod client;
mod connection;
mod declared;
mod failures;
mod network;
mod node;
mod objects;
mod process;
#[cfg(feature = "runs")]
mod runs;
mod scheduler;

pub use client::SimulatedHost;
pub use network::{Stored, Weather};
pub use process::ProcessId;
#[cfg(feature = "runs")]
pub use runs::{RUNS, each_seed, simulated};
pub use scheduler::Simulation;
