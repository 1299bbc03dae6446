//! Sinks: the code that speaks a provider's protocol. One file each, one shape.
//!
//! A new sink is a file with a `KIND` and a line in [`KINDS`].

mod amqp;
mod apns;
mod email;
mod fcm;
mod file;
mod http;
mod icinga2;
mod jwt;
mod nagios;
mod notification;
#[cfg(test)]
pub(crate) mod samples;
mod sms;
mod stdout;
mod threshold;
mod webhook;

use std::time::Duration;

use futures::future::BoxFuture;
use trade::Alert;
use uuid::Uuid;

pub(crate) use threshold::Threshold;

use crate::config::Section;

/// Every sink there is.
pub(crate) const KINDS: &[Kind] = &[
    amqp::KIND,
    apns::KIND,
    email::KIND,
    fcm::KIND,
    file::KIND,
    icinga2::KIND,
    nagios::KIND,
    sms::KIND,
    webhook::KIND,
    stdout::KIND,
];

/// A sort of sink: its name in `channels.toml`, and how one is made from a channel's keys.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Reads and checks the sink's own keys. `None` when something is missing or wrong, which
    /// the section has noted.
    pub(crate) build: fn(&mut Section<'_>) -> Option<Built>,
}

/// A sink with the recipients of each alert, as the ledger names them: no secret is in a name,
/// and it must not change, or alerts already delivered would count as new.
pub(crate) struct Built {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) recipients: Vec<String>,
}

/// Something that delivers.
pub(crate) trait Sink: Send + Sync {
    /// One attempt, for one recipient. Begins at the `threshold` when it could send, and crosses
    /// it right before the first byte that may make the provider take the letter. May be dropped
    /// at any point.
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer>;

    /// No attempt takes longer than this; it is cut off then. Nor does a question.
    fn longest_attempt(&self) -> Duration;

    /// At most so long passes before it begins: connecting, logging in.
    fn longest_approach(&self) -> Duration {
        Duration::ZERO
    }

    /// How many attempts could begin at once, because nothing has to be waited for first.
    fn ready(&self) -> usize {
        0
    }

    /// Whether the other end knows a letter that comes twice by its id and takes it once. Then
    /// sending again what is in doubt does no harm.
    fn idempotent(&self) -> bool {
        false
    }

    /// How many alerts one letter may name, every one by its id; 1 for a sink that has no
    /// digests.
    fn largest_digest(&self) -> usize {
        1
    }

    /// Whether the provider can be asked what it took: a channel may say `on_in_doubt = "ask"`.
    fn can_ask(&self) -> bool {
        false
    }

    /// Asks the provider whether it took a letter whose attempt is in doubt. Changes nothing
    /// there.
    fn ask<'a>(&'a self, letter: &'a Letter<'a>) -> BoxFuture<'a, Proof> {
        let _ = letter;
        Box::pin(async { Proof::None("it cannot be asked".to_owned()) })
    }
}

/// What one recipient gets in one attempt: one alert, or in a digest several.
pub(crate) struct Letter<'a> {
    pub(crate) channel: &'a str,
    pub(crate) recipient: &'a str,
    /// The alert's id, or the digest's own: the same at every attempt.
    pub(crate) id: Uuid,
    pub(crate) alert: &'a Alert,
    /// The alert as it came from the queue, byte for byte.
    pub(crate) payload: &'a [u8],
    /// The other alerts of a digest.
    pub(crate) more: &'a [Raised],
    /// When the ledger took it, in milliseconds since the epoch: the same at every attempt.
    pub(crate) created_ms: i64,
    /// When the first attempt began, in milliseconds since the epoch: where a question looks.
    pub(crate) first_try_ms: i64,
}

/// An alert, read and as it came.
pub(crate) struct Raised {
    pub(crate) alert: Alert,
    pub(crate) payload: Vec<u8>,
}

impl Letter<'_> {
    /// All of its alerts, with the bytes that they came in.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = (&Alert, &[u8])> {
        let more = self.more.iter().map(|r| (&r.alert, r.payload.as_slice()));
        std::iter::once((self.alert, self.payload)).chain(more)
    }

    /// All of its alerts, for the wording.
    pub(crate) fn named(&self) -> Vec<&Alert> {
        self.alerts().map(|(alert, _)| alert).collect()
    }
}

/// What a provider knows of a letter. Only a find proves anything: what it does not show may
/// still be on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It took this very letter; its own words or number for it.
    Taken(String),
    /// It shows no such letter, or gave no answer.
    None(String),
}

/// How an attempt ended, as far as it can be known. The words go to the log and the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The provider took it.
    Delivered(String),
    /// The provider will never take it.
    Refused(String),
    /// The provider certainly did not take it, and may later.
    NotTaken {
        why: String,
        /// How long the provider asks to be left alone.
        after: Option<Duration>,
    },
    /// It may have been taken or not.
    Unknown(String),
}

impl Answer {
    /// The words that came with it.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Delivered(words) | Self::Refused(words) | Self::Unknown(words) => words,
            Self::NotTaken { why, .. } => why,
        }
    }

    /// The outcome in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Refused(_) => "refused",
            Self::NotTaken { .. } => "not taken",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Not taken, with no wish of the provider's.
    pub(crate) fn not_taken(why: impl Into<String>) -> Self {
        Self::NotTaken {
            why: why.into(),
            after: None,
        }
    }
}
