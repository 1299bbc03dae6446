//! What an application gives to the engine.

/// A state machine over one shard. It sees each message of the shard once, in order, and is a
/// function of what it sees: no clock, no randomness. A new owner of the shard builds it again
/// by showing it the messages from [`Machine::oldest_needed`] on.
pub trait Machine: Send + 'static {
    /// Applies a message, and adds the messages that are to be published for it.
    fn apply(&mut self, message: &LogMessage<'_>, effects: &mut Vec<broker::Message>);

    /// The oldest message that the present state was built from; `None` if it can be built from
    /// nothing.
    fn oldest_needed(&self) -> Option<Needed>;
}

/// Header of a message that a machine forwards from its own shard to another: a text, the stream
/// that it comes from. It lets the machine there see that it must not be forwarded again.
pub const FORWARDED_HEADER: &str = "aldebaran-forwarded";

/// A message of a shard's log.
#[derive(Debug, Clone, Copy)]
pub struct LogMessage<'a> {
    /// Its place in the log.
    pub offset: u64,
    /// Its own time, in microseconds since the epoch, if it carries one. The same at every
    /// reading; what belongs into an effect.
    pub time_us: Option<i64>,
    /// The shard's log time, in microseconds since the epoch: never goes back; `i64::MIN` while
    /// it is unknown. Decides when things end. May differ a little from reading to reading.
    pub log_us: i64,
    /// What this message begins begins at this time, in microseconds since the epoch: log time,
    /// or later when the message comes from a clock that is ahead. Ends go by `log_us`,
    /// beginnings by this, so that nothing ends too early.
    pub begin_us: i64,
    /// Whether a former owner has read it already.
    pub replayed: bool,
    /// Whether it carries [`FORWARDED_HEADER`].
    pub forwarded: bool,
    /// What it carries.
    pub body: &'a [u8],
}

/// A point in a log from which to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The first message to read.
    pub offset: u64,
    /// When what it began began ([`LogMessage::begin_us`]), in microseconds since the epoch.
    pub log_us: i64,
}
