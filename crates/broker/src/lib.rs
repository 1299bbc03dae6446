//! The only place that knows AMQP 0-9-1 and its client library, and the management API.
//!
//! Everything else sees endpoints, connections, confirmed publishers and deliveries, and a
//! [`topology::State`] of what a vhost really has.

mod confirms;
mod connection;
mod consumer;
mod declare;
mod endpoint;
mod error;
mod link;
mod management;
mod mover;
mod outbox;
mod pool;
mod publisher;
mod server;
mod session;

pub use connection::{Channel, Connection, QueueStatus, connect, connect_patiently};
pub use consumer::{Deliveries, Delivery, Offset};
pub use declare::{
    Argument, BindingDeclaration, BindingDestination, ExchangeDeclaration, QueueDeclaration,
};
pub use endpoint::{Endpoint, EndpointError, Identity};
pub use error::Error;
pub use link::{Delivered, Host, Lane, Link, Publish};
pub use management::{Live, Management, ManagementEndpoint, ManagementError, PasswordHash};
pub use mover::{Moved, Moving};
pub use outbox::{Outbox, Sent, publish_until_taken};
pub use pool::{Pool, Pooled};
pub use publisher::{Header, Message, Publisher, Receipt};
pub use server::{Server, server};
pub use session::{Proven, hold_sessions};

/// A short name of AMQP (queue, exchange, routing key, consumer tag): at most 255 bytes.
fn short(name: &str) -> Result<lapin::types::ShortString, Error> {
    lapin::types::ShortString::try_new(name)
        .map_err(|_| Error::Name(name.chars().take(64).collect()))
}
