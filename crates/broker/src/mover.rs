//! Moving messages from a queue to wherever an exchange leads, none lost on the way.
//!
//! They go in batches. A batch is acknowledged when every message of it is confirmed and none of
//! it was returned. (The client library may hand a returned message to the wrong confirm, so one
//! that came back speaks for its whole batch.) What is not acknowledged goes back to its queue
//! with the connection: after a failure a message may be in both places, and is never in none.

use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Confirmation};

use crate::{Channel, Connection, Error, short};

/// Messages in a batch, which is also what is prefetched.
const BATCH: u16 = 256;

/// How long a queue may hold messages and give none before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the mover's consumer is called in the broker's lists.
const TAG: &str = "declare moves this queue";

/// What was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Messages.
    pub messages: u64,
    /// Those whose property `user-id` was left out: the broker takes nobody's but our own.
    pub without_user: u64,
}

/// How far the mover has come with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// It has the batch in hand, and nothing of it is published.
    Taken,
    /// Every message of it is confirmed, and none is acknowledged.
    Confirmed,
    /// The batch is acknowledged; so much is moved all in all.
    Moved(Moved),
}

impl Connection {
    /// Moves everything that is in `queue` to `exchange`, with each message's own routing key and
    /// properties, until the queue says that it is empty and nothing comes for `linger` after that.
    /// `told` hears of each batch three times. What comes later still goes back to the queue: it is
    /// empty when it has neither messages nor this consumer.
    ///
    /// # Errors
    /// When the broker does not take a message, or no queue does, or the queue holds messages and
    /// gives none: then another consumer has the only right to them, or its leader does not answer.
    pub async fn move_messages(
        &self,
        queue: &str,
        exchange: &str,
        linger: Duration,
        told: &mut (dyn FnMut(Moving) + Send),
    ) -> Result<Moved, Error> {
        let consuming = self.channel().await?;
        let publishing = self.channel().await?;
        let confirms = ConfirmSelectOptions::default();
        publishing.inner.confirm_select(confirms).await?;
        let mut deliveries = consuming.raw_consumer(queue, BATCH).await?;
        let mut total = Moved::default();
        let mut empty_handed = Duration::ZERO;
        let mut is_empty = false;
        loop {
            let batch = next_batch(&mut deliveries, queue, linger).await?;
            if let Some(last) = batch.last() {
                let tag = last.delivery_tag;
                told(Moving::Taken);
                let done = publish(&publishing, exchange, batch).await?;
                told(Moving::Confirmed);
                consuming.ack(tag, true).await?;
                total.messages += done.messages;
                total.without_user += done.without_user;
                told(Moving::Moved(total));
                empty_handed = Duration::ZERO;
                is_empty = false;
                continue;
            }
            if is_empty {
                break;
            }
            let status = publishing.queue_status(queue).await?;
            // A queue that does not know of this consumer did not answer (see `QueueStatus`).
            if status.messages == 0 && status.consumers > 0 {
                // What it has just given may still be on its way: one batch more decides.
                is_empty = true;
                continue;
            }
            empty_handed += linger;
            if empty_handed >= PATIENCE {
                return Err(Error::Conflict(format!(
                    "queue {queue} holds messages and gives none: another consumer has the right to them, or the queue's leader does not answer"
                )));
            }
        }
        // It is not cancelled first: while it counts as a consumer it may hold messages, and when
        // it does not, they are back.
        consuming.close().await;
        publishing.close().await;
        Ok(total)
    }
}

impl Channel {
    /// Deletes a queue that was looked at, and gives the number of messages that went with it all
    /// the same. With `guarded` the broker itself refuses when it is not empty or not unused; it
    /// does so for classic queues only.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the guard holds.
    pub async fn delete_emptied(&self, queue: &str, guarded: bool) -> Result<u32, Error> {
        let options = QueueDeleteOptions {
            if_empty: guarded,
            if_unused: guarded,
            ..QueueDeleteOptions::default()
        };
        Ok(self.inner.queue_delete(short(queue)?, options).await?)
    }

    async fn raw_consumer(&self, queue: &str, prefetch: u16) -> Result<lapin::Consumer, Error> {
        use lapin::options::{BasicConsumeOptions, BasicQosOptions};
        use lapin::types::FieldTable;
        let qos = BasicQosOptions::default();
        self.inner.basic_qos(prefetch, qos).await?;
        let options = BasicConsumeOptions::default();
        let tag = short(TAG)?;
        let consumer = self
            .inner
            .basic_consume(short(queue)?, tag, options, FieldTable::default());
        Ok(consumer.await?)
    }
}

/// What comes, in order, until nothing has come for `linger`.
async fn next_batch(
    deliveries: &mut lapin::Consumer,
    queue: &str,
    linger: Duration,
) -> Result<Vec<Delivery>, Error> {
    let mut batch = Vec::new();
    while batch.len() < usize::from(BATCH) {
        match tokio::time::timeout(linger, deliveries.next()).await {
            Ok(Some(delivery)) => batch.push(delivery?),
            Ok(None) => return Err(Error::Cancelled(queue.to_owned())),
            Err(_) => break,
        }
    }
    Ok(batch)
}

async fn publish(channel: &Channel, exchange: &str, batch: Vec<Delivery>) -> Result<Moved, Error> {
    let mut done = Moved::default();
    let mut confirms = Vec::with_capacity(batch.len());
    for delivery in batch {
        done.messages += 1;
        done.without_user += u64::from(delivery.properties.user_id().is_some());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = channel.inner.basic_publish(
            short(exchange)?,
            delivery.routing_key,
            options,
            &delivery.data,
            without_user(&delivery.properties),
        );
        confirms.push(published.await?);
    }
    for confirm in confirms {
        match confirm.await? {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(returned)) => {
                return Err(Error::Returned {
                    exchange: returned.delivery.exchange.as_str().to_owned(),
                    routing_key: returned.delivery.routing_key.as_str().to_owned(),
                    reply: returned.reply_text.as_str().to_owned(),
                });
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => return Err(Error::Refused),
        }
    }
    Ok(done)
}

/// All properties but the user's name.
fn without_user(from: &BasicProperties) -> BasicProperties {
    let mut to = BasicProperties::default();
    macro_rules! copy {
        ($($name:ident $with:ident),* $(,)?) => {
            $(if let Some(value) = from.$name() {
                to = to.$with(value.clone());
            })*
        };
    }
    copy! {
        content_type with_content_type,
        content_encoding with_content_encoding,
        headers with_headers,
        delivery_mode with_delivery_mode,
        priority with_priority,
        correlation_id with_correlation_id,
        reply_to with_reply_to,
        expiration with_expiration,
        message_id with_message_id,
        timestamp with_timestamp,
        kind with_type,
        app_id with_app_id,
        cluster_id with_cluster_id,
    }
    to
}
