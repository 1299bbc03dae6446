//! Connections that are kept for the next message, for those who publish now and then.

use std::sync::OnceLock;
use std::time::Duration;

use deadpool_lapin::{Config, PoolConfig, PoolError, Runtime, Timeouts};
use lapin::ConnectionProperties;
use lapin::options::ConfirmSelectOptions;

use crate::publisher::Publisher;
use crate::{Endpoint, Error};

/// A bounded number of connections to one broker, made when they are needed. One that was lost
/// is replaced at the next use.
pub struct Pool {
    config: Config,
    name: String,
    /// Made at the first use, since it belongs to the runtime that it is used in.
    pool: OnceLock<deadpool_lapin::Pool>,
}

impl Pool {
    /// A pool of at most `connections`, each called `name` in the broker's list. `patience` is
    /// how long a free connection, and then a new one, is waited for.
    ///
    /// The endpoint's own CA file is not used: TLS trusts the system's authorities, or those in
    /// the file that `SSL_CERT_FILE` names.
    #[must_use]
    pub fn new(endpoint: &Endpoint, name: &str, connections: usize, patience: Duration) -> Self {
        let mut pool = PoolConfig::new(connections.max(1));
        pool.timeouts = Timeouts {
            wait: Some(patience),
            create: Some(patience),
            recycle: Some(patience),
        };
        Self {
            config: Config {
                url: Some(endpoint.uri.to_string()),
                pool: Some(pool),
            },
            name: name.to_owned(),
            pool: OnceLock::new(),
        }
    }

    /// A connection, until it is dropped.
    ///
    /// # Errors
    /// [`Error::Lost`] when there is no broker or none is free, [`Error::Denied`] when it does
    /// not let us in.
    pub async fn connection(&self) -> Result<Pooled, Error> {
        let taken = self.pool()?.get().await;
        taken
            .map(|inner| Pooled { inner })
            .map_err(|error| match error {
                PoolError::Backend(error) => error.into(),
                other => Error::Lost(other.to_string()),
            })
    }

    fn pool(&self) -> Result<&deadpool_lapin::Pool, Error> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let name = self.name.clone();
        let properties =
            move || ConnectionProperties::default().with_connection_name(name.as_str().into());
        let pool = self.config.create_pool(properties, Runtime::Tokio1);
        let pool = pool.map_err(|error| Error::Lost(error.to_string()))?;
        Ok(self.pool.get_or_init(|| pool))
    }
}

/// A connection on loan.
pub struct Pooled {
    inner: deadpool_lapin::Connection,
}

impl Pooled {
    /// A publisher with a channel of its own and at most `window` unconfirmed messages: an error
    /// of the protocol ends the channel and leaves the connection to others.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn publisher(&self, window: usize) -> Result<Publisher, Error> {
        let channel = self.inner.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Publisher::new(channel, window))
    }
}
