//! The broker's objects, as a test declares them and looks at them.

use std::sync::Arc;

use broker::Message;

use crate::network::{Network, Stored};
use crate::objects::Log;
use crate::process::ProcessId;
use crate::scheduler::Simulation;

impl Simulation {
    /// Declares a stream that gets what is published to an exchange with a key.
    pub fn declare_stream(&mut self, name: &str, exchange: &str, key: &str) {
        let mut network = self.network();
        network.exchanges.insert(exchange.to_owned());
        network.logs.insert(name.to_owned(), Default::default());
        network
            .bindings
            .insert((exchange.to_owned(), key.to_owned()), name.to_owned());
    }

    /// Declares a queue.
    pub fn declare_queue(&mut self, name: &str, is_single_active: bool) {
        let mut network = self.network();
        let queue = network.queues.entry(name.to_owned()).or_default();
        queue.is_single_active = is_single_active;
    }

    /// Declares an exchange; what is published to it can be seen in [`Simulation::stored`].
    pub fn declare_exchange(&mut self, name: &str) {
        self.network().exchanges.insert(name.to_owned());
    }

    /// Deletes a stream and declares it anew, empty. Its consumers are cancelled.
    pub fn make_stream_anew(&mut self, name: &str) {
        let mut network = self.network();
        let Some(log) = network.logs.get_mut(name) else {
            return;
        };
        log.entries.clear();
        for reader in std::mem::take(&mut log.readers) {
            network.end_deliveries(reader.channel);
        }
    }

    /// Publishes a message at that time, or when the broker is there again, in order; nothing
    /// happens to its publisher.
    pub fn publish_at(&mut self, at_ms: u64, message: Message) {
        let message = Arc::new(message);
        self.network().at(at_ms, |network| {
            network.from_outside.push_back(message);
            network.take_from_outside();
        });
    }

    /// All messages that the broker took, in order.
    #[must_use]
    pub fn stored(&self) -> Vec<Stored> {
        self.network().stored.clone()
    }

    /// The messages of a stream and their offsets.
    #[must_use]
    pub fn stream(&self, name: &str) -> Vec<(u64, Arc<Message>)> {
        let network = self.network();
        let messages = network.logs.get(name).into_iter().flat_map(Log::messages);
        messages
            .map(|(offset, message)| (offset, Arc::clone(message)))
            .collect()
    }

    /// How many messages of a queue nobody holds.
    #[must_use]
    pub fn ready(&self, queue: &str) -> usize {
        let network = self.network();
        network
            .queues
            .get(queue)
            .map_or(0, |queue| queue.ready.len())
    }

    /// Takes the messages of a queue that nobody holds out of it; who is dead holds nothing.
    pub fn purge(&mut self, queue: &str) -> Vec<Arc<Message>> {
        let mut network = self.network();
        let ready = network.queues.get_mut(queue);
        let ready = ready.map(|queue| std::mem::take(&mut queue.ready));
        let mut purged: Vec<_> = ready.unwrap_or_default().into_values().collect();
        let Network {
            channels,
            connections,
            dead,
            ..
        } = &mut *network;
        for channel in channels {
            if dead.contains(&connections[channel.connection].process) {
                purged.extend(channel.lose(queue));
            }
        }
        purged
    }

    /// Puts a message into a queue.
    pub fn put(&mut self, queue: &str, message: Arc<Message>) {
        let mut network = self.network();
        if let Some(queue) = network.queues.get_mut(queue) {
            queue.put(message);
        }
        network.deliver_queue(queue);
    }

    /// The process that holds messages of a queue with a single active consumer, if it is the
    /// active one.
    #[must_use]
    pub fn holder(&self, queue: &str) -> Option<ProcessId> {
        let network = self.network();
        let active = *network.queues.get(queue)?.consumers.front()?;
        let channel = network.channels.get(active)?;
        let holds = !channel.unacknowledged.is_empty();
        holds.then(|| ProcessId(network.connections[channel.connection].process))
    }
}
