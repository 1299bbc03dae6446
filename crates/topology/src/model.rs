//! The resolved settings: what messages meet, as the broker will know it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Settings;

/// Arguments of an exchange, a queue or a binding, by the broker's own names.
pub type Arguments = Settings;

/// Something that was checked, and the line that describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<T> {
    /// The resolved settings.
    pub value: T,
    /// The line of the file, counted from 1.
    pub line: u32,
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its name, 1 to 255 bytes.
    pub name: String,
    /// How it routes.
    #[serde(rename = "type")]
    pub kind: ExchangeKind,
    /// Whether it outlives the broker's restart.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether only exchanges may publish to it.
    pub internal: bool,
    /// The broker's own arguments.
    pub arguments: Arguments,
}

/// How an exchange routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ExchangeKind {
    /// By the whole routing key.
    Direct,
    /// To all.
    Fanout,
    /// By the words of the routing key.
    Topic,
    /// By headers.
    Headers,
    /// By a plugin; the name begins with `x-`.
    Plugin(String),
}

impl ExchangeKind {
    pub(crate) const BUILT_IN: [&'static str; 4] = ["direct", "fanout", "topic", "headers"];

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "fanout" => Some(Self::Fanout),
            "topic" => Some(Self::Topic),
            "headers" => Some(Self::Headers),
            _ if name.starts_with("x-") => Some(Self::Plugin(name.to_owned())),
            _ => None,
        }
    }

    /// The type of this name; one that is not built in is a plugin's, whatever its name.
    pub fn of(name: &str) -> Self {
        Self::named(name).unwrap_or_else(|| Self::Plugin(name.to_owned()))
    }

    /// The broker's name of it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
            Self::Plugin(name) => name,
        }
    }
}

impl From<String> for ExchangeKind {
    fn from(name: String) -> Self {
        Self::of(&name)
    }
}

impl From<ExchangeKind> for String {
    fn from(kind: ExchangeKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// A queue or a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name, 1 to 255 bytes.
    pub name: String,
    /// Classic, quorum or stream.
    #[serde(rename = "type")]
    pub kind: QueueKind,
    /// Whether it outlives the broker's restart.
    pub durable: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// The broker's own arguments, `x-queue-type` among them.
    pub arguments: Arguments,
}

/// The kinds of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueKind {
    /// On one node.
    Classic,
    /// Replicated by Raft.
    Quorum,
    /// A log that is read again and again.
    Stream,
}

impl QueueKind {
    pub(crate) const NAMES: [&'static str; 3] = ["classic", "quorum", "stream"];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "classic" => Some(Self::Classic),
            "quorum" => Some(Self::Quorum),
            "stream" => Some(Self::Stream),
            _ => None,
        }
    }

    /// The broker's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// The exchange that messages come from.
    pub from: String,
    /// Where they go.
    pub to: Destination,
    /// The routing key, at most 255 bytes.
    pub key: String,
    /// The arguments, part of the binding's identity.
    pub arguments: Arguments,
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A queue or stream by name.
    Queue(String),
    /// An exchange by name.
    Exchange(String),
}

impl Destination {
    /// The name of the queue or exchange.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)
    }
}

/// `from -> to (key "k")`.
impl fmt::Display for Binding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} -> {} (key {:?})",
            self.from,
            self.to.name(),
            self.key
        )
    }
}
