//! The wires to the broker: what was sent, and when it arrives.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use broker::{Error, Message};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;

use crate::connection::{Channel, Connection};
use crate::objects::{Log, Queue};

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
    pub(crate) unanswered: Vec<(usize, Action)>,
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
    /// Until when what is published to an exchange comes back.
    pub(crate) returned_until_ms: BTreeMap<String, u64>,
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
            returned_until_ms: BTreeMap::new(),
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
}

pub(crate) fn lost() -> Error {
    Error::Lost("the connection is gone".to_owned())
}
