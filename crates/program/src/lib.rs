//! What every program has in common: its flags, its logs, how it stops, its exit code.

mod fault;
mod flags;
mod run;

pub use fault::Fault;
pub use flags::{BrokerArgs, LogArgs, LogFormat, TopologyArgs};
pub use run::run;
