//! The witness's own AMQP client: publishes raw messages and takes what comes out.

mod attending;
mod bindings;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    DefaultConnectionBuilder, ExchangeKind,
};
use serde_json::Value;

pub use attending::Attending;
pub use bindings::Binding;

use crate::message::Message;
use crate::runtime::runtime;
use crate::wait::{PATIENCE, until};

/// One connection with one channel. It blocks; the work goes on in a runtime of its own.
#[derive(Debug)]
pub struct Amqp {
    connection: Connection,
    channel: Channel,
}

impl Amqp {
    /// Connects to the broker at `url`.
    ///
    /// # Errors
    ///
    /// When it cannot be reached or refuses.
    pub fn connect(url: &str) -> Result<Self> {
        Self::connect_trusting(url, None)
    }

    /// The same over TLS with certificates (PEM) to trust besides the system's own.
    ///
    /// # Errors
    ///
    /// When it cannot be reached or refuses, or when the file cannot be read.
    pub fn connect_trusting(url: &str, authority: Option<&Path>) -> Result<Self> {
        let tls = OwnedTLSConfig {
            identity: None,
            cert_chain: authority.map(fs::read_to_string).transpose()?,
        };
        runtime()?.block_on(async {
            let connection = DefaultConnectionBuilder::new()?
                .with_uri_str(url.to_owned())
                .with_tls_config(tls)
                .with_properties(
                    ConnectionProperties::default().with_connection_name("test harness".into()),
                )
                .connect()
                .await?;
            let channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            Ok(Self {
                connection,
                channel,
            })
        })
    }

    /// Publishes a message without any properties and waits for the confirm.
    ///
    /// # Errors
    ///
    /// When the broker refuses it, or no queue takes it.
    pub fn publish(&self, exchange: &str, routing_key: &str, body: impl AsRef<[u8]>) -> Result<()> {
        self.publish_with(exchange, routing_key, body, &[])
    }

    /// The same with headers: JSON numbers and strings.
    ///
    /// # Errors
    ///
    /// When the broker refuses it, or no queue takes it.
    pub fn publish_with(
        &self,
        exchange: &str,
        routing_key: &str,
        body: impl AsRef<[u8]>,
        headers: &[(&str, Value)],
    ) -> Result<()> {
        let properties = BasicProperties::default().with_headers(table(headers)?);
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let publish = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            body.as_ref(),
            properties,
        );
        match runtime()?.block_on(async { publish.await?.await })? {
            Confirmation::Ack(None) => Ok(()),
            refused => bail!("publish to {exchange:?} with key {routing_key:?}: {refused:?}"),
        }
    }

    /// Takes the next message off a queue, if there is one.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub fn next(&self, queue: &str) -> Result<Option<Message>> {
        let options = BasicGetOptions { no_ack: true };
        let get = self.channel.basic_get(queue.into(), options);
        let got = runtime()?
            .block_on(get)
            .with_context(|| format!("get from {queue}"))?;
        Ok(got.map(|BasicGetMessage { delivery, .. }| Message::from(delivery)))
    }

    /// Takes `count` messages off a queue and waits for those that are not there yet.
    ///
    /// # Errors
    ///
    /// When they have not come within [`PATIENCE`]; then with those that have.
    pub fn take(&self, queue: &str, count: usize) -> Result<Vec<Message>> {
        let mut taken = Vec::new();
        let what = format!("{queue} has given {count} messages");
        let complete = until(&what, || {
            while taken.len() < count {
                match self.next(queue) {
                    Ok(Some(message)) => taken.push(message),
                    Ok(None) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
            Some(Ok(()))
        });
        let bodies = || {
            taken
                .iter()
                .map(|m| String::from_utf8_lossy(&m.body).into_owned())
        };
        complete.with_context(|| {
            format!(
                "it gave {}: {:?}",
                taken.len(),
                bodies().collect::<Vec<_>>()
            )
        })??;
        Ok(taken)
    }

    /// Takes all messages that a queue holds now.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub fn drain(&self, queue: &str) -> Result<Vec<Message>> {
        std::iter::from_fn(|| self.next(queue).transpose()).collect()
    }

    /// The first `count` messages of a stream, which stay in it.
    ///
    /// # Errors
    ///
    /// When they have not come within [`PATIENCE`].
    pub fn read_stream(&self, stream: &str, count: usize) -> Result<Vec<Message>> {
        self.read_stream_until(stream, |read, _| read == count)
    }

    /// All messages that a stream holds now. To know the end, it publishes a message that is no
    /// trade to the stream, so no auditor should be at work.
    ///
    /// # Errors
    ///
    /// When the end has not come within [`PATIENCE`].
    pub fn read_whole_stream(&self, stream: &str) -> Result<Vec<Message>> {
        const END: &str = "end of what the witness reads";
        self.publish("", stream, END)?;
        let mut read = self.read_stream_until(stream, |_, last| last.body == END.as_bytes())?;
        read.pop();
        Ok(read)
    }

    fn read_stream_until(
        &self,
        stream: &str,
        enough: impl Fn(usize, &Message) -> bool,
    ) -> Result<Vec<Message>> {
        runtime()?.block_on(async {
            let channel = self.connection.create_channel().await?;
            channel.basic_qos(100, BasicQosOptions::default()).await?;
            let mut from = FieldTable::default();
            from.insert(
                "x-stream-offset".into(),
                AMQPValue::LongString("first".into()),
            );
            let options = BasicConsumeOptions::default();
            let mut consumer = channel
                .basic_consume(stream.into(), "".into(), options, from)
                .await?;
            let mut read: Vec<Message> = Vec::new();
            while read.last().is_none_or(|last| !enough(read.len(), last)) {
                let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
                let delivery = next
                    .with_context(|| format!("{stream} gave only {} messages", read.len()))?
                    .context("the stream's consumer was cancelled")??;
                delivery.ack(BasicAckOptions::default()).await?;
                read.push(Message::from(delivery));
            }
            channel.close(200, "done".into()).await?;
            Ok(read)
        })
    }

    /// The messages ready in a queue and its consumers.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub fn counts(&self, queue: &str) -> Result<(u32, u32)> {
        runtime()?.block_on(async {
            // A failure closes the channel, so this one is thrown away.
            let channel = self.connection.create_channel().await?;
            let queue = channel
                .queue_declare(queue.into(), passively(), FieldTable::default())
                .await?;
            channel.close(200, "done".into()).await?;
            Ok((queue.message_count(), queue.consumer_count()))
        })
    }

    /// Waits until a queue has `count` consumers.
    ///
    /// # Errors
    ///
    /// When it has another number after [`PATIENCE`].
    pub fn has_consumers(&self, queue: &str, count: u32) -> Result<()> {
        let asked = || {
            self.counts(queue)
                .ok()
                .filter(|(_, consumers)| *consumers == count)
        };
        until(&format!("{queue} has {count} consumers"), asked).map(|_| ())
    }

    /// Whether there is such an exchange.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub fn has_exchange(&self, exchange: &str) -> Result<bool> {
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let kind = ExchangeKind::Direct; // does not matter: nothing is declared
        self.exists(async |channel| {
            channel
                .exchange_declare(exchange.into(), kind, options, FieldTable::default())
                .await
        })
    }

    /// Whether there is such a queue.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub fn has_queue(&self, queue: &str) -> Result<bool> {
        self.exists(async |channel| {
            let asked = channel.queue_declare(queue.into(), passively(), FieldTable::default());
            asked.await.map(|_| ())
        })
    }

    fn exists(&self, ask: impl AsyncFnOnce(&Channel) -> lapin::Result<()>) -> Result<bool> {
        runtime()?.block_on(async {
            // A missing object closes the channel, so this one is thrown away.
            let channel = self.connection.create_channel().await?;
            match ask(&channel).await {
                Ok(()) => Ok(true),
                Err(error) if error.to_string().contains("NOT_FOUND") => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Deletes a queue or stream with all that is in it; a missing one is no error.
    ///
    /// # Errors
    ///
    /// When the broker refuses.
    pub fn delete_queue(&self, queue: &str) -> Result<()> {
        let delete = self
            .channel
            .queue_delete(queue.into(), QueueDeleteOptions::default());
        runtime()?
            .block_on(delete)
            .with_context(|| format!("delete {queue}"))?;
        Ok(())
    }

    /// Deletes an exchange; a missing one is no error.
    ///
    /// # Errors
    ///
    /// When the broker refuses.
    pub fn delete_exchange(&self, exchange: &str) -> Result<()> {
        let delete = self
            .channel
            .exchange_delete(exchange.into(), ExchangeDeleteOptions::default());
        runtime()?
            .block_on(delete)
            .with_context(|| format!("delete {exchange}"))?;
        Ok(())
    }
}

/// Whole numbers and strings, as AMQP writes them.
fn table(values: &[(&str, Value)]) -> Result<FieldTable> {
    let mut table = FieldTable::default();
    for (name, value) in values {
        let value = match value {
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            Value::Number(number) => {
                AMQPValue::LongLongInt(number.as_i64().context("a whole number")?)
            }
            other => bail!("a header is a number or a string, not {other}"),
        };
        table.insert((*name).into(), value);
    }
    Ok(table)
}

fn passively() -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    }
}
