//! The objects as the management API writes them.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use topology::{
    Binding, Counts, Destination, Exchange, ExchangeKind, Queue, QueueKind, Setting, Settings,
};

#[derive(Deserialize)]
pub(super) struct WireExchange {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    durable: bool,
    auto_delete: bool,
    internal: bool,
    #[serde(default)]
    arguments: Settings,
}

#[derive(Deserialize)]
pub(super) struct WireQueue {
    name: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    durable: bool,
    auto_delete: bool,
    #[serde(default)]
    exclusive: Option<bool>,
    #[serde(default)]
    arguments: Settings,
}

#[derive(Deserialize)]
pub(super) struct WireCounts {
    name: String,
    messages: Option<u64>,
    consumers: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct WireBinding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
    #[serde(default)]
    pub(super) arguments: Settings,
    pub(super) properties_key: String,
}

#[derive(Deserialize)]
pub(super) struct WireVhost {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(super) tags: BTreeSet<String>,
    #[serde(default)]
    pub(super) default_queue_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WireLimits {
    pub(super) vhost: String,
    pub(super) value: Settings,
}

#[derive(Deserialize)]
pub(super) struct WireUser {
    pub(super) name: String,
    #[serde(default, deserialize_with = "words")]
    pub(super) tags: BTreeSet<String>,
    #[serde(default)]
    pub(super) password_hash: String,
    #[serde(default)]
    pub(super) hashing_algorithm: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WireParameter {
    #[serde(default)]
    pub(super) vhost: String,
    pub(super) component: String,
    pub(super) name: String,
    pub(super) value: Setting,
}

/// A list of texts, or one text with commas, as older brokers write it.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        List(BTreeSet<String>),
        Text(String),
        Nothing(()),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::List(words) => words,
        Words::Text(text) => {
            let words = text.split(',').map(str::trim);
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        }
        Words::Nothing(()) => BTreeSet::new(),
    })
}

impl WireExchange {
    /// The exchange, unless it is one that every vhost has.
    pub(super) fn declared(self) -> Option<Exchange> {
        let built_in = self.name.is_empty() || self.name.starts_with("amq.");
        (!built_in).then(|| Exchange {
            kind: ExchangeKind::of(&self.kind),
            name: self.name,
            durable: self.durable,
            auto_delete: self.auto_delete,
            internal: self.internal,
            arguments: self.arguments,
        })
    }
}

impl WireQueue {
    /// The queue, unless it belongs to a connection. Its type stands among its arguments, as a
    /// file's does: a broker leaves that of a classic queue out or not, depending on its version
    /// and on the vhost's default.
    pub(super) fn shared(mut self) -> Option<Queue> {
        if self.exclusive == Some(true) {
            return None;
        }
        let said = self.arguments.get("x-queue-type").and_then(Setting::text);
        let kind = self
            .kind
            .as_deref()
            .or(said)
            .unwrap_or("classic")
            .to_owned();
        let typed = Setting::Text(kind.clone());
        self.arguments.insert("x-queue-type".to_owned(), typed);
        Some(Queue {
            name: self.name,
            // A type of a plugin keeps its name among the arguments.
            kind: QueueKind::named(&kind).unwrap_or(QueueKind::Classic),
            durable: self.durable,
            auto_delete: self.auto_delete,
            arguments: self.arguments,
        })
    }
}

impl WireCounts {
    /// The name and what is known of both; nothing when nothing is known yet.
    pub(super) fn known(self) -> Option<(String, Counts)> {
        let (messages, consumers) = (self.messages?, self.consumers.unwrap_or(0));
        Some((
            self.name,
            Counts {
                messages,
                consumers,
            },
        ))
    }
}

impl WireBinding {
    /// The binding, unless it is one that every queue has.
    pub(super) fn made(self) -> Option<Binding> {
        if self.source.is_empty() {
            return None;
        }
        Some(Binding {
            from: self.source,
            to: match self.destination_type.as_str() {
                "exchange" => Destination::Exchange(self.destination),
                _ => Destination::Queue(self.destination),
            },
            key: self.routing_key,
            arguments: self.arguments,
        })
    }
}
