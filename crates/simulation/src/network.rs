//! The broker and the wires to it: what was sent, when it arrives, and what it does there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use broker::{Error, Message, Offset};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;

use crate::client::Delivery;
use crate::connection::{Channel, Connection, Held};
use crate::objects::{Log, Queue, Reader};

/// How the wires and the broker behave.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// A request or an answer takes up to this many milliseconds.
    pub delay_ms: u64,
    /// One of a hundred takes up to this many.
    pub long_delay_ms: u64,
    /// How many of a thousand messages the broker refuses or returns.
    pub refused: u32,
    /// How many of a thousand requests get no answer until the weather changes.
    pub unanswered: u32,
}

impl Weather {
    /// Nothing goes wrong, and nothing takes long.
    pub const CALM: Weather = Weather {
        delay_ms: 2,
        long_delay_ms: 2,
        refused: 0,
        unanswered: 0,
    };
}

/// A message that the broker has taken.
#[derive(Debug, Clone)]
pub struct Stored {
    /// When, in milliseconds since the start.
    pub at_ms: u64,
    /// The process that published it, by its number; `None` for what the test put there.
    pub process: Option<usize>,
    /// The connection that it came by.
    pub connection: Option<usize>,
    /// The message.
    pub message: Arc<Message>,
}

type Action = Box<dyn FnOnce(&mut Network) + Send>;

struct Event {
    /// When, and which of those at the same time.
    key: (u64, u64),
    action: Action,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

pub(crate) struct Network {
    pub(crate) now_ms: u64,
    pub(crate) random: ChaCha8Rng,
    pub(crate) weather: Weather,
    events: BinaryHeap<Reverse<Event>>,
    next_event: u64,
    unanswered: Vec<(usize, Action)>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) logs: BTreeMap<String, Log>,
    pub(crate) queues: BTreeMap<String, Queue>,
    pub(crate) exchanges: BTreeSet<String>,
    /// The stream behind an exchange and a key.
    pub(crate) bindings: BTreeMap<(String, String), String>,
    pub(crate) stored: Vec<Stored>,
    pub(crate) broker_is_up: bool,
    /// What the test publishes, and the broker has not yet got.
    pub(crate) from_outside: VecDeque<Arc<Message>>,
    pub(crate) blocked_until_ms: u64,
    /// How many more operations a process lives, if it is to die at one.
    pub(crate) doomed: BTreeMap<usize, u64>,
    pub(crate) dead: BTreeSet<usize>,
    pub(crate) paused: BTreeSet<usize>,
}

impl Network {
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        Network {
            now_ms: 0,
            random,
            weather: Weather::CALM,
            events: BinaryHeap::new(),
            next_event: 0,
            unanswered: Vec::new(),
            connections: Vec::new(),
            channels: Vec::new(),
            logs: BTreeMap::new(),
            queues: BTreeMap::new(),
            exchanges: BTreeSet::new(),
            bindings: BTreeMap::new(),
            stored: Vec::new(),
            broker_is_up: true,
            from_outside: VecDeque::new(),
            blocked_until_ms: 0,
            doomed: BTreeMap::new(),
            dead: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// Lets something happen at that time.
    pub(crate) fn at(&mut self, at_ms: u64, action: impl FnOnce(&mut Network) + Send + 'static) {
        self.next_event += 1;
        let key = (at_ms.max(self.now_ms), self.next_event);
        let action = Box::new(action);
        self.events.push(Reverse(Event { key, action }));
    }

    pub(crate) fn next_event_ms(&self) -> Option<u64> {
        self.events.peek().map(|Reverse(event)| event.key.0)
    }

    /// The next thing happens.
    pub(crate) fn happen(&mut self) {
        if let Some(Reverse(event)) = self.events.pop() {
            (event.action)(self);
        }
    }

    pub(crate) fn delay_ms(&mut self) -> u64 {
        let most = if self.random.random_ratio(1, 100) {
            self.weather.long_delay_ms
        } else {
            self.weather.delay_ms
        };
        self.random.random_range(0..=most)
    }

    /// Counts an operation of a process; one that is to die at it does.
    pub(crate) fn operation(&mut self, process: usize) {
        if let Some(left) = self.doomed.get_mut(&process) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.kill(process);
            }
        }
    }

    /// Sends a request, to arrive at that time or later; nothing is sent when the client knows
    /// that the connection is gone.
    pub(crate) fn send_up(
        &mut self,
        connection: usize,
        not_before_ms: u64,
        action: impl FnOnce(&mut Network) + Send + 'static,
    ) {
        let process = self.connections[connection].process;
        let dies_first = self.random.random_bool(0.5);
        if dies_first {
            self.operation(process);
        }
        let arrives_ms = (self.now_ms + self.delay_ms()).max(not_before_ms);
        let wire = &mut self.connections[connection];
        if !wire.client_is_up {
            return;
        }
        wire.sent += 1;
        wire.up_ms = wire.up_ms.max(arrives_ms);
        let (request, at_ms) = (wire.sent, wire.up_ms);
        self.at(at_ms, move |network| {
            if network.connections[connection].hears(request) {
                action(network);
            }
        });
        if !dies_first {
            self.operation(process);
        }
    }

    /// Sends something back. It is dropped when the client is gone by then.
    pub(crate) fn send_down(
        &mut self,
        connection: usize,
        action: impl FnOnce(&mut Network) + Send + 'static,
    ) {
        let arrives_ms = self.now_ms + self.delay_ms();
        let wire = &mut self.connections[connection];
        wire.down_ms = wire.down_ms.max(arrives_ms);
        let at_ms = wire.down_ms;
        self.at(at_ms, move |network| {
            if network.connections[connection].client_is_up {
                action(network);
            }
        });
    }

    /// Sends a request that has an answer. When none can come any more, the receiver learns it.
    pub(crate) fn call<T: Send + 'static>(
        &mut self,
        connection: usize,
        act: impl FnOnce(&mut Network) -> Result<T, Error> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, Error>> {
        let (answer, answered) = oneshot::channel();
        self.send_up(connection, 0, move |network| {
            let outcome = act(network);
            network.answer(connection, move |_| drop(answer.send(outcome)));
        });
        answered
    }

    fn answer(&mut self, connection: usize, action: impl FnOnce(&mut Network) + Send + 'static) {
        if self.random.random_ratio(self.weather.unanswered, 1000) {
            self.unanswered.push((connection, Box::new(action)));
        } else {
            self.send_down(connection, action);
        }
    }

    /// From now on things go like that; what was not answered is.
    pub(crate) fn change(&mut self, weather: Weather) {
        self.weather = weather;
        for (connection, action) in std::mem::take(&mut self.unanswered) {
            self.send_down(connection, action);
        }
    }

    /// Sends a message and tells its fate.
    pub(crate) fn publish(
        &mut self,
        connection: usize,
        message: Arc<Message>,
        tell: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) {
        self.send_up(connection, self.blocked_until_ms, move |network| {
            let process = network.connections[connection].process;
            let outcome = network.take(Some(process), Some(connection), &message);
            // Confirms come when the queue has it, in no certain order.
            let confirmed_ms = network.now_ms + network.delay_ms();
            network.at(confirmed_ms, move |network| {
                network.answer(connection, move |_| tell(outcome));
            });
        });
    }

    /// Takes a message, or does not.
    pub(crate) fn take(
        &mut self,
        process: Option<usize>,
        connection: Option<usize>,
        message: &Arc<Message>,
    ) -> Result<(), Error> {
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
            if let Some(log) = self.logs.get_mut(&name) {
                log.messages.push(Arc::clone(message));
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
            while let Some(message) = log.messages.get(place(reader.next))
                && self.channels[reader.channel].has_credit()
            {
                self.deliver(reader.channel, message, Some(reader.next), Held::OfStream);
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

    /// The broker has lost a connection, or was told good-bye.
    pub(crate) fn broker_loses(&mut self, connection: usize) {
        self.connections[connection].broker_is_up = false;
        for number in 0..self.channels.len() {
            if self.channels[number].connection == connection && self.channels[number].is_open {
                self.close_channel(number);
            }
        }
    }

    /// The client learns that its connection is gone.
    pub(crate) fn client_loses(&mut self, connection: usize) {
        self.connections[connection].client_is_up = false;
        self.unanswered.retain(|(asked, _)| *asked != connection);
        for channel in &mut self.channels {
            if channel.connection == connection
                && let Some(deliveries) = channel.deliveries.take()
            {
                let _ = deliveries.send(Err(lost()));
            }
        }
    }

    /// A connection breaks: each end learns it in its own time.
    pub(crate) fn cut(&mut self, connection: usize) {
        let (broker_ms, client_ms) = (self.delay_ms(), self.delay_ms());
        self.at(self.now_ms + broker_ms, move |network| {
            network.broker_loses(connection);
        });
        self.at(self.now_ms + client_ms, move |network| {
            network.client_loses(connection);
        });
    }

    /// A process ends where it stands. Of what it has sent the broker gets the first part.
    pub(crate) fn kill(&mut self, process: usize) {
        self.doomed.remove(&process);
        self.dead.insert(process);
        for number in 0..self.connections.len() {
            let wire = &mut self.connections[number];
            if wire.process != process || !wire.client_is_up {
                continue;
            }
            wire.client_is_up = false;
            wire.last = Some(self.random.random_range(wire.arrived..=wire.sent));
            let learnt_ms = wire.up_ms.max(self.now_ms) + self.delay_ms();
            self.unanswered.retain(|(asked, _)| *asked != number);
            self.at(learnt_ms, move |network| network.broker_loses(number));
        }
    }

    /// The broker is killed and comes back later; what it has taken is still there.
    pub(crate) fn kill_broker(&mut self, back_ms: u64) {
        self.broker_is_up = false;
        for number in 0..self.connections.len() {
            if self.connections[number].broker_is_up {
                self.broker_loses(number);
                let client_ms = self.now_ms + self.delay_ms();
                self.at(client_ms, move |network| network.client_loses(number));
            }
        }
        self.at(back_ms, |network| {
            network.broker_is_up = true;
            network.take_from_outside();
        });
    }

    pub(crate) fn take_from_outside(&mut self) {
        while self.broker_is_up
            && let Some(message) = self.from_outside.pop_front()
        {
            // The test has declared where it goes.
            let _ = self.take(None, None, &message);
        }
    }
}

pub(crate) fn lost() -> Error {
    Error::Lost("the connection is gone".to_owned())
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
