//! A connection with a channel that is as good as new for every call.

use broker::{Channel, Connection, Endpoint, Error};
use topology::Counts;

/// After so many channels a new connection is taken. The client library (lapin 4.12) remembers
/// the error that closed a channel under its number, numbers come round after `channel_max`
/// (2047) channels, and the next channel of that number would fail with the old error.
const CHANNELS_A_CONNECTION: u32 = 100;

/// A connection to the broker. A failed call closes its channel, and some failures (an unknown
/// type of exchange) the whole connection: the next call opens what it needs.
pub(crate) struct Session<'a> {
    endpoint: &'a Endpoint,
    connection: Connection,
    channel: Option<Channel>,
    opened: u32,
}

impl<'a> Session<'a> {
    /// Connects, once.
    pub(crate) async fn open(endpoint: &'a Endpoint) -> Result<Self, Error> {
        let connection = broker::connect(endpoint, "declare").await?;
        Ok(Self {
            endpoint,
            connection,
            channel: None,
            opened: 0,
        })
    }

    /// Runs one call on a channel that works.
    ///
    /// # Errors
    /// Those of the call, and [`Error::Lost`] when a new connection is needed and there is none.
    pub(crate) async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&Channel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let channel = match self.channel.take().filter(Channel::is_up) {
            Some(channel) => channel,
            None => self.channel().await?,
        };
        let result = call(&channel).await;
        self.channel = Some(channel);
        result
    }

    /// What a queue holds this moment: messages ready for delivery, and consumers. Nothing when
    /// there is no such queue.
    ///
    /// # Errors
    /// When the broker says anything else.
    pub(crate) async fn counts(&mut self, queue: &str) -> Result<Option<Counts>, Error> {
        match self
            .call(async |channel| channel.queue_status(queue).await)
            .await
        {
            Ok(status) => Ok(Some(Counts {
                messages: status.messages.into(),
                consumers: status.consumers.into(),
            })),
            Err(Error::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn close(self) {
        self.connection.close().await;
    }

    async fn channel(&mut self) -> Result<Channel, Error> {
        if self.opened >= CHANNELS_A_CONNECTION || !self.connection.is_up() {
            let next = broker::connect(self.endpoint, "declare").await?;
            std::mem::replace(&mut self.connection, next).close().await;
            self.opened = 0;
        }
        self.opened += 1;
        self.connection.channel().await
    }
}
