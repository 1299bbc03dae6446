//! Connections and channels as the network sees them, from both ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::{Error, Message};
use tokio::sync::mpsc;

use crate::client::Delivery;

/// One connection. Its two ends may have different views of whether it stands.
pub(crate) struct Connection {
    pub(crate) process: usize,
    pub(crate) client_is_up: bool,
    pub(crate) broker_is_up: bool,
    /// When what was sent last arrives at either end; nothing overtakes.
    pub(crate) up_ms: u64,
    pub(crate) down_ms: u64,
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    /// The last request that arrives, after the process has died.
    pub(crate) last: Option<u64>,
}

impl Connection {
    pub(crate) fn new(process: usize) -> Self {
        Connection {
            process,
            client_is_up: true,
            broker_is_up: true,
            up_ms: 0,
            down_ms: 0,
            sent: 0,
            arrived: 0,
            last: None,
        }
    }

    /// Whether the broker gets this request.
    pub(crate) fn hears(&mut self, request: u64) -> bool {
        let hears = self.broker_is_up && self.last.is_none_or(|last| request <= last);
        if hears {
            self.arrived = request;
        }
        hears
    }
}

/// One channel, with one consumer at most.
pub(crate) struct Channel {
    pub(crate) connection: usize,
    pub(crate) is_open: bool,
    pub(crate) prefetch: usize,
    pub(crate) next_tag: u64,
    pub(crate) unacknowledged: BTreeMap<u64, Held>,
    /// The client's end of its consumer.
    pub(crate) deliveries: Option<mpsc::UnboundedSender<Result<Delivery, Error>>>,
}

impl Channel {
    pub(crate) fn new(connection: usize) -> Self {
        Channel {
            connection,
            is_open: true,
            prefetch: 0,
            next_tag: 1,
            unacknowledged: BTreeMap::new(),
            deliveries: None,
        }
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.unacknowledged.len() < self.prefetch
    }

    /// Takes what it holds of a queue away from it.
    pub(crate) fn lose(&mut self, name: &str) -> Vec<Arc<Message>> {
        let is_of_it = |held: &Held| matches!(held, Held::OfQueue { queue, .. } if queue == name);
        let (lost, kept) = std::mem::take(&mut self.unacknowledged)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, held)| is_of_it(held));
        self.unacknowledged = kept;
        let messages = lost.into_values().filter_map(|held| match held {
            Held::OfQueue { message, .. } => Some(message),
            Held::OfStream => None,
        });
        messages.collect()
    }
}

/// What a channel has got and not acknowledged.
pub(crate) enum Held {
    OfQueue {
        queue: String,
        place: u64,
        message: Arc<Message>,
    },
    OfStream,
}
