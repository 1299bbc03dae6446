//! What the broker does: it takes messages, delivers them, and takes them back.

use std::sync::Arc;

use broker::{Error, Message, Offset};
use rand::Rng;

use crate::client::Delivery;
use crate::connection::Held;
use crate::network::{Network, Stored};
use crate::objects::Reader;

impl Network {
    /// Takes a message, or does not.
    pub(crate) fn take(
        &mut self,
        process: Option<usize>,
        connection: Option<usize>,
        message: &Arc<Message>,
    ) -> Result<(), Error> {
        let returned_until_ms = self.returned_until_ms.get(&message.exchange);
        if returned_until_ms.is_some_and(|until_ms| self.now_ms < *until_ms) {
            return Err(returned(message));
        }
        let refused = process.is_some() && self.random.random_ratio(self.weather.refused, 1000);
        // One that is refused may have been taken nevertheless.
        if !refused || self.random.random_ratio(1, 4) {
            self.route(message)?;
            self.stored.push(Stored {
                at_ms: self.now_ms,
                process,
                connection,
                message: Arc::clone(message),
            });
        }
        match refused {
            false => Ok(()),
            true if self.random.random_bool(0.5) => Err(Error::Refused),
            true => Err(returned(message)),
        }
    }

    fn route(&mut self, message: &Arc<Message>) -> Result<(), Error> {
        let Message {
            exchange,
            routing_key,
            ..
        } = &**message;
        if exchange.is_empty() {
            let queue = self
                .queues
                .get_mut(routing_key)
                .ok_or_else(|| returned(message))?;
            queue.put(Arc::clone(message));
            self.deliver_queue(routing_key);
            return Ok(());
        }
        let binding = (exchange.clone(), routing_key.clone());
        if let Some(name) = self.bindings.get(&binding).cloned() {
            let own_entry = self.random.random_ratio(1, 20);
            if let Some(log) = self.logs.get_mut(&name) {
                if own_entry {
                    log.entries.push(None);
                }
                log.entries.push(Some(Arc::clone(message)));
            }
            self.deliver_log(&name);
            return Ok(());
        }
        if self.exchanges.contains(exchange) {
            Ok(())
        } else {
            Err(Error::Missing(format!("no exchange {exchange:?}")))
        }
    }

    /// Puts a consumer on a queue or stream.
    pub(crate) fn consume(
        &mut self,
        channel: usize,
        queue: &str,
        prefetch: u16,
        from: Option<Offset>,
    ) -> Result<(), Error> {
        self.channels[channel].prefetch = usize::from(prefetch);
        let chunk = self.random.random_range(1..5);
        if let Some(log) = self.logs.get_mut(queue) {
            let next = log.begin(from, chunk);
            log.readers.push(Reader { channel, next });
            self.deliver_log(queue);
        } else if let Some(consumed) = self.queues.get_mut(queue) {
            consumed.consumers.push_back(channel);
            self.deliver_queue(queue);
        } else {
            return Err(Error::Missing(format!("no queue {queue:?}")));
        }
        Ok(())
    }

    pub(crate) fn deliver_log(&mut self, name: &str) {
        let Some(mut log) = self.logs.remove(name) else {
            return;
        };
        for reader in &mut log.readers {
            while let Some(entry) = log.entries.get(place(reader.next))
                && self.channels[reader.channel].has_credit()
            {
                if let Some(message) = entry {
                    self.deliver(reader.channel, message, Some(reader.next), Held::OfStream);
                }
                reader.next += 1;
            }
        }
        self.logs.insert(name.to_owned(), log);
    }

    pub(crate) fn deliver_queue(&mut self, name: &str) {
        let Some(mut queue) = self.queues.remove(name) else {
            return;
        };
        while let Some((&place, _)) = queue.ready.first_key_value()
            && let Some(channel) =
                queue.next_consumer(|channel| self.channels[channel].has_credit())
            && let Some(message) = queue.ready.remove(&place)
        {
            let held = Held::OfQueue {
                queue: name.to_owned(),
                place,
                message: Arc::clone(&message),
            };
            self.deliver(channel, &message, None, held);
        }
        self.queues.insert(name.to_owned(), queue);
    }

    fn deliver(&mut self, number: usize, message: &Arc<Message>, offset: Option<u64>, held: Held) {
        let channel = &mut self.channels[number];
        let tag = channel.next_tag;
        channel.next_tag += 1;
        channel.unacknowledged.insert(tag, held);
        let connection = channel.connection;
        let delivery = Delivery {
            tag,
            offset,
            message: Arc::clone(message),
        };
        self.send_down(connection, move |network| {
            if let Some(deliveries) = &network.channels[number].deliveries {
                // Who consumed may have stopped.
                let _ = deliveries.send(Ok(delivery));
            }
        });
    }

    /// Takes an acknowledgement, which is credit for more.
    pub(crate) fn acknowledge(&mut self, number: usize, tag: u64, multiple: bool) {
        let unacknowledged = &mut self.channels[number].unacknowledged;
        if multiple {
            *unacknowledged = unacknowledged.split_off(&(tag + 1));
        } else {
            unacknowledged.remove(&tag);
        }
        self.deliver_all();
    }

    pub(crate) fn deliver_all(&mut self) {
        for name in self.logs.keys().cloned().collect::<Vec<_>>() {
            self.deliver_log(&name);
        }
        for name in self.queues.keys().cloned().collect::<Vec<_>>() {
            self.deliver_queue(&name);
        }
    }

    /// The broker takes a consumer out.
    pub(crate) fn cancel(&mut self, channel: usize) {
        for log in self.logs.values_mut() {
            log.readers.retain(|reader| reader.channel != channel);
        }
        for queue in self.queues.values_mut() {
            queue.consumers.retain(|consumer| *consumer != channel);
        }
        self.deliver_all();
    }

    /// The broker says that nothing more comes, behind all that it has sent.
    pub(crate) fn end_deliveries(&mut self, number: usize) {
        let connection = self.channels[number].connection;
        self.send_down(connection, move |network| {
            network.channels[number].deliveries = None;
        });
    }

    /// The broker closes a channel: what was not acknowledged goes back.
    pub(crate) fn close_channel(&mut self, number: usize) {
        let channel = &mut self.channels[number];
        channel.is_open = false;
        for held in std::mem::take(&mut channel.unacknowledged).into_values() {
            if let Held::OfQueue {
                queue,
                place,
                message,
            } = held
                && let Some(queue) = self.queues.get_mut(&queue)
            {
                queue.ready.insert(place, message);
            }
        }
        self.cancel(number);
    }
}

fn returned(message: &Message) -> Error {
    Error::Returned {
        exchange: message.exchange.clone(),
        routing_key: message.routing_key.clone(),
        reply: "NO_ROUTE".to_owned(),
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
