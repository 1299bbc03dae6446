//! A real RabbitMQ node of one's own, for demos, tests and benchmarks.
//!
//! [`PrivateBroker::start`] runs a node in a folder of its own, on free ports of the loopback
//! interface, with its own epmd, beside any other node and without touching it. The node, its
//! epmd and its folder cannot outlive the process that owns them, however that process ends:
//! see [`Kept`] and [`Folder`]. Everything here blocks; nothing needs an async runtime.
//!
//! ```no_run
//! use private_broker::{PrivateBroker, Settings};
//!
//! # fn main() -> Result<(), private_broker::Error> {
//! let mut broker = PrivateBroker::start(&Settings { management: true, ..Settings::default() })?;
//! let vhost = broker.vhost("orders")?;
//! println!("{}", vhost.url());
//! broker.kill()?; // SIGKILL, as a fault test wants it
//! broker.start_again()?; // same folder, same ports, same data
//! # Ok(())
//! # }
//! ```

mod broker;
mod certificate;
mod configuration;
mod error;
mod folder;
mod kept;
mod management;
mod ports;
mod release;
mod tree;
mod vhost;

pub use broker::{PrivateBroker, Settings};
pub use certificate::write_certificates;
pub use error::{Error, doing};
pub use folder::Folder;
pub use kept::Kept;
pub use management::Management;
pub use ports::free_port;
pub use release::Release;
pub use vhost::Vhost;
