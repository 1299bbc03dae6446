//! What must have come out, and what the broker says came out.

use std::collections::{BTreeMap, BTreeSet};

use broker::{Header, Message};
use engine::{Arrived, Shard, Token};
use simulation::Stored;

use super::auditing::{Auditing, SKEW_US};
use super::market::Market;
use super::world::World;
use super::{ALERTS, OFFSET, SHARD, progress_queue, stream};

/// The alerts of each shard by the number of their message, from 0: order id and body.
pub(crate) struct Expected(Vec<BTreeMap<u64, BTreeMap<String, String>>>);

impl Expected {
    /// What comes out when the books see the logs once, in order, and nothing happens to them.
    pub(crate) fn of(market: &Market) -> Self {
        let of_shard = |shard| {
            let mut books = Shard::take_over(Auditing::new(shard), Token::default(), SKEW_US);
            let entries = market.entries.iter().filter(|entry| entry.shard == shard);
            let mut alerts = BTreeMap::new();
            for (offset, entry) in (0..).zip(entries) {
                let message = Arrived {
                    offset,
                    time_us: Some(entry.time_us),
                    forwarded: false,
                    after_gap: false,
                    body: &entry.body,
                };
                let mut effects = Vec::new();
                books
                    .apply(message, entry.at_us, &mut effects)
                    .expect("the first reading");
                let effects = effects.iter().map(|alert| (order_id(alert), text(alert)));
                let effects: BTreeMap<_, _> = effects.collect();
                if !effects.is_empty() {
                    alerts.insert(offset, effects);
                }
            }
            alerts
        };
        Expected((0..market.shards).map(of_shard).collect())
    }

    /// Order ids and bodies.
    pub(crate) fn bodies(&self) -> BTreeMap<String, String> {
        let alerts = self.0.iter().flat_map(BTreeMap::values);
        alerts
            .flatten()
            .map(|(id, body)| (id.clone(), body.clone()))
            .collect()
    }

    /// All alerts of the first messages.
    fn of_first(&self, shard: u32, messages: usize) -> impl Iterator<Item = &String> {
        let alerts = self.0[shard as usize].range(..messages as u64);
        alerts.flat_map(|(_, alerts)| alerts.keys())
    }
}

/// What the broker took, in its order.
pub(crate) struct Witness(pub(crate) Vec<Stored>);

impl Witness {
    /// The bodies of the alerts by order id.
    ///
    /// # Panics
    /// When two alerts of an order differ.
    pub(crate) fn bodies(&self) -> BTreeMap<String, String> {
        let mut bodies = BTreeMap::new();
        for message in self.alerts() {
            let known = bodies
                .entry(order_id(message))
                .or_insert_with(|| text(message));
            assert_eq!(*known, text(message), "an order has two bodies");
        }
        bodies
    }

    /// All alerts, repeats included.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Message> {
        let messages = self.0.iter().map(|stored| &*stored.message);
        messages.filter(|message| message.exchange == ALERTS)
    }

    /// No token says that effects are out which the broker has not got by then.
    ///
    /// # Panics
    /// When one does.
    pub(crate) fn tokens_are_true(&self, expected: &Expected, world: &World) {
        let (market, story) = (&world.market, world.story());
        let offsets = (0..market.shards).map(|shard| {
            let messages = world.simulation.stream(&stream(shard)).into_iter();
            messages.map(|(offset, _)| offset).collect::<Vec<_>>()
        });
        let offsets: Vec<_> = offsets.collect();
        let mut out = BTreeSet::new();
        for stored in self.0.iter().filter(|stored| stored.process.is_some()) {
            if stored.message.exchange == ALERTS {
                out.insert(order_id(&stored.message));
                continue;
            }
            let shard = (0..market.shards)
                .find(|shard| progress_queue(*shard) == stored.message.routing_key);
            let token = Token::from_json(&stored.message.body).expect("a token");
            if let (Some(shard), Some(emitted)) = (shard, token.emitted_offset) {
                let messages = &offsets[shard as usize];
                let messages = messages.partition_point(|offset| *offset <= emitted);
                for order in expected.of_first(shard, messages) {
                    assert!(
                        out.contains(order),
                        "{token:?} is written before {order} is out: {story}"
                    );
                }
            }
        }
    }

    /// One connection publishes the alerts of a shard in the order of its log.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn alerts_are_in_order(&self, story: &str) {
        let mut last = BTreeMap::new();
        for stored in &self.0 {
            if stored.message.exchange == ALERTS {
                let place = (integer(&stored.message, SHARD), stored.connection);
                let offset = integer(&stored.message, OFFSET);
                let before = last.insert(place, offset);
                assert!(before <= Some(offset), "{offset} after {before:?}: {story}");
            }
        }
    }
}

fn text(alert: &Message) -> String {
    String::from_utf8_lossy(&alert.body).into_owned()
}

fn order_id(alert: &Message) -> String {
    alert.message_id.clone().expect("an order id")
}

fn integer(message: &Message, name: &str) -> i64 {
    let mut headers = message.headers.iter();
    headers
        .find_map(|(header, value)| match value {
            Header::Int(value) if *header == name => Some(*value),
            _ => None,
        })
        .expect("the header")
}
