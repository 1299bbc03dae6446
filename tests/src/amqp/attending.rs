//! Who uses a queue while a test looks at it.

use anyhow::{Context, Result};
use lapin::options::{BasicConsumeOptions, BasicGetOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use super::{Amqp, runtime};

/// Uses a queue until it is dropped, and acknowledges nothing.
#[derive(Debug)]
pub struct Attending {
    channel: Channel,
    /// Dropped with the channel, and with it what it was given.
    _consumer: Option<Consumer>,
}

impl Amqp {
    /// Consumes a queue and acknowledges nothing.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub fn attend(&self, queue: &str) -> Result<Attending> {
        runtime()?.block_on(async {
            let channel = self.connection.create_channel().await?;
            channel.basic_qos(1, BasicQosOptions::default()).await?;
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer = channel
                .basic_consume(queue.into(), "".into(), options, none)
                .await?;
            Ok(Attending {
                channel,
                _consumer: Some(consumer),
            })
        })
    }

    /// Takes the next message of a queue and neither acknowledges nor returns it; it is no
    /// consumer of the queue.
    ///
    /// # Errors
    ///
    /// When there is no such queue, or no message in it.
    pub fn hold(&self, queue: &str) -> Result<Attending> {
        runtime()?.block_on(async {
            let channel = self.connection.create_channel().await?;
            let got = channel
                .basic_get(queue.into(), BasicGetOptions::default())
                .await?;
            got.context("the queue is empty")?;
            Ok(Attending {
                channel,
                _consumer: None,
            })
        })
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            // Best effort: its queue may be gone, and the channel with it.
            let _ = runtime.block_on(self.channel.close(200, "done".into()));
        }
    }
}
