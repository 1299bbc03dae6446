//! The witness in the line for a progress token.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use tokio::time::timeout;

use crate::runtime::runtime;
use crate::wait::PATIENCE;

/// How long the broker may take for a message that stands in the queue already.
const MOMENT: Duration = Duration::from_millis(300);

/// A consumer of a queue of which the broker makes one consumer at a time active. It holds what
/// it gets.
#[derive(Debug)]
pub struct InLine {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    held: Vec<Delivery>,
}

impl InLine {
    /// Joins the line of `queue` at its end.
    ///
    /// # Errors
    ///
    /// When the broker at `url` refuses.
    pub fn join(url: &str, queue: &str) -> Result<Self> {
        runtime()?.block_on(async {
            let (connection, channel) = connect(url).await?;
            channel.basic_qos(100, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            let consumer = channel
                .basic_consume(queue.into(), "".into(), options, FieldTable::default())
                .await?;
            Ok(Self {
                connection,
                channel,
                consumer,
                held: Vec::new(),
            })
        })
    }

    /// Waits for its turn, and gives the bodies of all messages that it holds or that are there.
    ///
    /// # Errors
    ///
    /// When none has come within [`PATIENCE`].
    pub fn take(&mut self) -> Result<Vec<Vec<u8>>> {
        runtime()?.block_on(async {
            let mut patience = if self.held.is_empty() {
                PATIENCE
            } else {
                MOMENT
            };
            while let Ok(next) = timeout(patience, self.consumer.next()).await {
                self.held.push(next.context("the consumer was cancelled")??);
                patience = MOMENT;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        if self.held.is_empty() {
            return Err(anyhow!("no token came"));
        }
        Ok(self.held.iter().map(|held| held.data.clone()).collect())
    }

    /// Takes what it holds away for good.
    ///
    /// # Errors
    ///
    /// When the broker refuses.
    pub fn forget(&mut self) -> Result<()> {
        runtime()?.block_on(async {
            for held in self.held.drain(..) {
                held.ack(BasicAckOptions::default()).await?;
            }
            Ok(())
        })
    }

    /// Leaves the line; what it holds goes back to the queue.
    ///
    /// # Errors
    ///
    /// When the broker refuses.
    pub fn leave(self) -> Result<()> {
        runtime()?.block_on(async {
            self.channel.close(200, "done".into()).await?;
            self.connection.close(200, "done".into()).await?;
            Ok(())
        })
    }
}

/// Empties a queue of all messages that nobody holds; gives their number.
///
/// # Errors
///
/// When the broker at `url` refuses.
pub fn purge(url: &str, queue: &str) -> Result<u32> {
    runtime()?.block_on(async {
        let (connection, channel) = connect(url).await?;
        let purged = channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await?;
        connection.close(200, "done".into()).await?;
        Ok(purged)
    })
}

async fn connect(url: &str) -> Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}
