//! The ledger as its users see it, whatever keeps it.

use futures::future::BoxFuture;

use crate::{
    Claim, Dead, Decision, Doubt, Entry, Error, Filter, Grave, Inserted, NewEntry, Outcome,
    Recorded, Standing, Swept, Ticket, Wanted,
};

/// What comes of a request.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The durable record of what happened to each (alert, channel, recipient).
///
/// Every answer is on disk when it comes, and requests that come together share a commit. A
/// request whose caller went away may still be carried out. `now_ms` is the time in milliseconds
/// since the epoch; a ledger that several hosts share goes by its own clock for what is due and
/// leased, and takes `now_ms` as where an `at_ms` beside it is counted from.
///
/// # Errors
/// Of every method: see [`Error`].
pub trait Ledger: Send + Sync {
    /// Inserts entries as `pending`, all in one transaction. The answers are in their order.
    fn insert(&self, entries: Vec<NewEntry>, now_ms: i64) -> Reply<'_, Vec<Inserted>>;

    /// Inserts an entry that can never be delivered: `failed`, and to be published as
    /// undelivered.
    fn insert_dead(&self, entry: NewEntry, note: String, now_ms: i64) -> Reply<'_, Inserted>;

    /// Takes due entries: they are `claimed`, or `sending`, until their lease is over.
    fn claim(&self, wanted: Wanted, now_ms: i64) -> Reply<'_, Vec<Claim>>;

    /// claimed -> sending, leased until `lease_ms` from now, as members of a digest if there is
    /// one. Only of those with a `true` may a byte be sent; `false` means that the lease has
    /// ended or the ticket is stale. A ticket begins once.
    fn begin(
        &self,
        tickets: Vec<Ticket>,
        digest: Option<String>,
        lease_ms: i64,
        now_ms: i64,
    ) -> Reply<'_, Vec<bool>>;

    /// Records how an attempt ended, for all of its entries. After the lease has ended,
    /// `Delivered` and `Failed` still settle an entry, and a retry leaves it `in_doubt`.
    /// `Delivered` settles it even when another attempt has begun since: it is the truth.
    fn record(
        &self,
        tickets: Vec<Ticket>,
        outcome: Outcome,
        now_ms: i64,
    ) -> Reply<'_, Vec<Recorded>>;

    /// Gives claims back, of which nothing was sent: to `pending`, or to `retry_at` when a time
    /// is given. Says how many tickets were not stale.
    fn release(&self, tickets: Vec<Ticket>, at_ms: Option<i64>, now_ms: i64) -> Reply<'_, u64>;

    /// Ends the leases that have run out: claimed -> pending, sending -> `in_doubt`.
    fn sweep(&self, now_ms: i64) -> Reply<'_, Swept>;

    /// Up to `limit` entries in doubt whose first attempt began at `since_ms` or later, the
    /// oldest first.
    fn doubts(&self, channel: &str, since_ms: i64, limit: usize) -> Reply<'_, Vec<Doubt>>;

    /// `in_doubt` -> `retry_at`, due at `at_ms`: a decision that a repeat is better than a miss.
    /// Says how many entries were still in that doubt.
    fn resend(&self, tickets: Vec<Ticket>, at_ms: i64, now_ms: i64) -> Reply<'_, u64>;

    /// What a person decides of an alert in doubt, for one recipient or all, in one channel or
    /// all. Says how many entries were in doubt.
    fn resolve(
        &self,
        alert: &str,
        channel: Option<String>,
        recipient: Option<String>,
        decision: Decision,
        now_ms: i64,
    ) -> Reply<'_, u64>;

    /// When the next entry of a channel is due, in milliseconds since the epoch.
    fn next_due(&self, channel: &str) -> Reply<'_, Option<i64>>;

    /// Up to `limit` failed entries that are still to be published as undelivered.
    fn dead(&self, channel: &str, limit: usize) -> Reply<'_, Vec<Dead>>;

    /// Notes that it was published. False when it is no longer that failure.
    fn buried(&self, grave: Grave) -> Reply<'_, bool>;

    /// failed -> pending, with a new deadline, if it is its failure number `burial`. `false`
    /// when it is not, `None` when the ledger holds no such entry.
    fn reopen(
        &self,
        alert: &str,
        channel: &str,
        recipient: &str,
        burial: u32,
        now_ms: i64,
    ) -> Reply<'_, Option<bool>>;

    /// Deletes an entry that [`Ledger::insert_dead`] made, so that its message may come again.
    fn forget(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, bool>;

    /// Deletes up to `limit` entries delivered or failed before `before_ms`, and says how many.
    /// What is open, in doubt or still to be published stays, however old.
    fn prune(&self, before_ms: i64, limit: usize) -> Reply<'_, u64>;

    /// What is open and what is in doubt, by channel; channels with neither are left out.
    fn standing(&self) -> Reply<'_, Vec<Standing>>;

    /// Every entry of an alert, in the order of channel and recipient.
    fn look(&self, alert: &str) -> Reply<'_, Vec<Entry>>;

    /// What an entry delivers, if it is there.
    fn letter(&self, alert: &str, channel: &str, recipient: &str) -> Reply<'_, Option<Vec<u8>>>;

    /// The entries that a filter lets through, the last changed first.
    fn list(&self, filter: Filter) -> Reply<'_, Vec<Entry>>;

    /// Whether several hosts may work on it at the same time.
    fn is_shared(&self) -> bool;

    /// How far this ledger's clock is ahead of the host's, in milliseconds.
    fn ahead_ms(&self) -> i64 {
        0
    }

    /// Transactions committed or refused so far: fewer than requests, the more so the more come
    /// at once.
    fn commits(&self) -> u64;

    /// Carries out what was asked before, then lets go. Later requests get [`Error::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;
}
