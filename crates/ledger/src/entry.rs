//! What goes into a ledger and what comes out of it.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 of a payload: what makes two entries of one key the same or a conflict.
#[must_use]
pub fn hash(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

/// The first eight bytes of the SHA-256 of an alert's id: a short stand-in that finds its entries.
pub(crate) fn id_hash(alert: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(alert.as_bytes());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The state of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nothing was sent; due at once.
    Pending,
    /// A worker has taken it until its lease ends; nothing was sent.
    Claimed,
    /// Committed before the first byte: from here on something may have been sent.
    Sending,
    /// The provider took it.
    Delivered,
    /// Refused for good, or retries used up.
    Failed,
    /// The provider certainly did not take it; due again at a time.
    RetryAt,
    /// It cannot be known whether the provider took it.
    InDoubt,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Claimed,
        Self::Sending,
        Self::Delivered,
        Self::Failed,
        Self::RetryAt,
        Self::InDoubt,
    ];

    /// The word for it, in the file and for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::RetryAt => "retry_at",
            Self::InDoubt => "in_doubt",
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| format!("no state is called {word:?}"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An entry to insert. (alert, channel, recipient) is its key.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The alert's id.
    pub alert: String,
    /// The channel's name.
    pub channel: String,
    /// Who gets it, as the sink names them.
    pub recipient: String,
    /// What is delivered. The ledger keeps it, because it is all that is left of the alert once
    /// the broker's message is acknowledged.
    pub payload: Vec<u8>,
}

/// What became of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there: it is `pending` now.
    New,
    /// The same key with the same payload is there, in this state. Nothing changed.
    Known(State),
    /// The same key with another payload is there. The newcomer is counted and dropped.
    Conflict(State),
}

/// The right to act on one entry, given out by a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    pub(crate) seq: i64,
    pub(crate) fence: i64,
}

/// Which due entries are to be taken, and for what.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of this channel.
    pub channel: String,
    /// Of this recipient alone, if there is one.
    pub recipient: Option<String>,
    /// At most so many, the longest due first; the other members of a digest come with the first.
    pub limit: usize,
    /// How long they are leased, in milliseconds.
    pub lease_ms: i64,
    /// Straight to `sending`, in one step. For who can send without waiting for anything first,
    /// and is sure to hear the answer: what was taken and never heard of ends in doubt.
    pub begins: bool,
}

impl Wanted {
    /// Due entries of a channel, to be `claimed`.
    #[must_use]
    pub fn of(channel: &str, limit: usize, lease_ms: i64) -> Self {
        Self {
            channel: channel.to_owned(),
            recipient: None,
            limit,
            lease_ms,
            begins: false,
        }
    }
}

/// One entry, taken for delivery.
#[derive(Debug, Clone)]
pub struct Claim {
    /// To be shown at every further step.
    pub ticket: Ticket,
    /// The alert's id.
    pub alert: String,
    /// Who gets it.
    pub recipient: String,
    /// What is delivered.
    pub payload: Vec<u8>,
    /// Attempts made before this one.
    pub attempts: u32,
    /// When the entry was inserted, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When the first attempt began, if there was one, in milliseconds since the epoch.
    pub first_try_ms: Option<i64>,
    /// The digest that it was in doubt by and is sent again with; all of its members are claimed
    /// together.
    pub digest: Option<String>,
}

/// How an attempt ended. The text is for people: the provider's words, or what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Delivered(String),
    /// Refused for good, or retries used up.
    Failed(String),
    /// Certainly not taken; due again at `at_ms` (milliseconds since the epoch).
    RetryAt {
        /// When to try again, in milliseconds since the epoch.
        at_ms: i64,
        /// Why.
        note: String,
    },
    /// It cannot be known.
    InDoubt(String),
}

/// What became of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The entry is in this state now. It is `in_doubt` whatever the outcome said, when a
    /// retry was asked for after the lease had ended, and when the provider refuses what an
    /// earlier attempt may have brought it.
    Now(State),
    /// The ticket is not the entry's last one, or the entry is settled: nothing changed.
    Stale,
}

/// What a sweep moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many expired claims are `pending` again.
    pub returned: u64,
    /// How many expired sendings are `in_doubt` now.
    pub in_doubt: u64,
}

/// An entry in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// To be shown to [`crate::Ledger::resend`] and [`crate::Ledger::record`].
    pub ticket: Ticket,
    /// The alert's id.
    pub alert: String,
    /// Who was to get it.
    pub recipient: String,
    /// What may have been delivered.
    pub payload: Vec<u8>,
    /// Attempts made.
    pub attempts: u32,
    /// When the entry was inserted, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When the first attempt began, in milliseconds since the epoch.
    pub first_try_ms: i64,
    /// The digest that it is in doubt by.
    pub digest: Option<String>,
    /// The provider refused a repeat for good: another one would not settle it.
    pub refused: bool,
    /// What is known of it.
    pub note: String,
}

/// A failed entry that is still to be published as undelivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// To be shown to [`crate::Ledger::buried`].
    pub grave: Grave,
    /// Everything that is known of it.
    pub entry: Entry,
    /// What was not delivered.
    pub payload: Vec<u8>,
}

/// Which failure of an entry is meant: an entry may be taken up again and fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grave {
    pub(crate) seq: i64,
    /// The how manieth failure of this entry it is, from 1.
    pub burial: u32,
}

/// What a person decides of an entry in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It came through.
    Delivered,
    /// A repeat is better than a miss: due at once, with a new deadline.
    Resend,
}

/// Which entries to list; everything that is `None` is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The channel's name.
    pub channel: Option<String>,
    /// The state.
    pub state: Option<State>,
    /// Changed at this time or later, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// At most so many, the last changed first.
    pub limit: usize,
}

/// What stands in a ledger for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The channel's name.
    pub channel: String,
    /// Entries still to be delivered: pending, claimed, sending, `retry_at`.
    pub open: u64,
    /// Entries in doubt.
    pub in_doubt: u64,
}

/// Everything that is known of one entry, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The alert's id.
    pub alert: String,
    /// The channel's name.
    pub channel: String,
    /// Who gets it.
    pub recipient: String,
    /// Its state.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// How often the same key came with another payload.
    pub conflicts: u32,
    /// An attempt before the last one was left in doubt: it may have been delivered whatever
    /// came of the last.
    pub doubted: bool,
    /// The digest that it was last sent in, if it was.
    pub digest: Option<String>,
    /// When it is due, or when its lease ends, in milliseconds since the epoch.
    pub due_ms: i64,
    /// When it was inserted, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When its state last changed, in milliseconds since the epoch.
    pub updated_ms: i64,
    /// When the first attempt began, if there was one, in milliseconds since the epoch.
    pub first_try_ms: Option<i64>,
    /// What the provider said last.
    pub note: String,
}
