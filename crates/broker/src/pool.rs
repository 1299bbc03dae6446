//! Connections that are kept for the next message, for those who publish now and then.

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};

use crate::connection::try_once;
use crate::publisher::Publisher;
use crate::{Connection, Endpoint, Error};

/// A bounded number of connections to one broker, made when they are needed. One that was lost
/// is replaced at the next use.
pub struct Pool {
    pool: managed::Pool<Maker>,
}

/// A connection, until it is dropped.
pub struct Pooled {
    inner: managed::Object<Maker>,
}

/// Makes connections that trust whom the endpoint trusts: `deadpool-lapin` knows a URL alone.
struct Maker {
    endpoint: Endpoint,
    name: String,
}

impl Pool {
    /// A pool of at most `connections`, each called `name` in the broker's list. The endpoint's
    /// timeout is how long one may take to be made.
    ///
    /// # Errors
    /// When there can be no pool.
    pub fn new(endpoint: Endpoint, name: &str, connections: usize) -> Result<Self, Error> {
        let name = name.to_owned();
        let pool = managed::Pool::builder(Maker { endpoint, name })
            .max_size(connections.max(1))
            .build();
        match pool {
            Ok(pool) => Ok(Self { pool }),
            Err(error) => Err(Error::Lost(error.to_string())),
        }
    }

    /// A connection: a kept one, or a new one. Waits for one to become free.
    ///
    /// # Errors
    /// [`Error::Lost`] when there is no broker, [`Error::Denied`] when it does not let us in.
    pub async fn connection(&self) -> Result<Pooled, Error> {
        match self.pool.get().await {
            Ok(inner) => Ok(Pooled { inner }),
            Err(PoolError::Backend(error)) => Err(error),
            Err(other) => Err(Error::Lost(other.to_string())),
        }
    }
}

impl Pooled {
    /// A publisher with a channel of its own and at most `window` unconfirmed messages: an error
    /// of the protocol ends the channel and leaves the connection to others.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn publisher(&self, window: usize) -> Result<Publisher, Error> {
        self.inner.publisher(window).await
    }
}

impl managed::Manager for Maker {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        try_once(&self.endpoint, &self.name).await
    }

    async fn recycle(&self, kept: &mut Connection, _: &Metrics) -> RecycleResult<Error> {
        match kept.is_up() {
            true => Ok(()),
            false => Err(RecycleError::message("it was lost")),
        }
    }
}
