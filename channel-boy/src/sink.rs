//! Sinks: the code that speaks a provider's protocol. One file each, one shape.
//!
//! A new sink is a file with a `KIND` and a line in [`KINDS`].

mod email;
#[cfg(test)]
pub(crate) mod samples;
mod stdout;
mod webhook;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::future::BoxFuture;
use trade::Alert;

use crate::{config::Section, crash};

/// Every sink there is.
pub(crate) const KINDS: [Kind; 3] = [email::KIND, webhook::KIND, stdout::KIND];

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
    /// One attempt, for one recipient. Crosses the `threshold` right before the first byte that
    /// may make the provider take the letter. May be dropped at any point.
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer>;

    /// No attempt takes longer than this; it is cut off then.
    fn longest_attempt(&self) -> Duration;
}

/// One alert for one recipient.
pub(crate) struct Letter<'a> {
    pub(crate) channel: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) alert: &'a Alert,
    /// The alert as it came from the queue, byte for byte.
    pub(crate) payload: &'a [u8],
    /// When the ledger took it, in milliseconds since the epoch: the same at every attempt.
    pub(crate) created_ms: i64,
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
    /// Not taken, with no wish of the provider's.
    pub(crate) fn not_taken(why: impl Into<String>) -> Self {
        Self::NotTaken {
            why: why.into(),
            after: None,
        }
    }
}

/// Whether the point was passed from which on the provider may have taken the letter.
#[derive(Debug, Default)]
pub(crate) struct Threshold(AtomicBool);

impl Threshold {
    pub(crate) fn cross(&self) {
        self.0.store(true, Ordering::SeqCst);
        crash::point("threshold");
    }

    /// What an attempt that ended without an answer amounts to.
    pub(crate) fn cut_off(&self, why: impl Into<String>) -> Answer {
        if self.0.load(Ordering::SeqCst) {
            Answer::Unknown(why.into())
        } else {
            Answer::not_taken(why)
        }
    }
}
