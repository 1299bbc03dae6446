//! Who watches trades on their way to the broker.

use std::ops::ControlFlow;

use broker::Message;
use tokio::time::Instant;

use crate::feed::{Counts, Given};

/// Sees every trade and every message of a pump: to show them, or to measure them.
pub(crate) trait Watch {
    /// Goes with each trade into its message.
    type Tag;
    /// Stays behind when a message is sent, until it is confirmed.
    type Stub;

    /// When the run began.
    fn start(&self) -> Instant;

    /// Microseconds since the start.
    fn now_us(&self) -> u64 {
        u64::try_from(self.start().elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A trade was given and is about to be packed.
    fn tag(&mut self, given: &Given, now_us: u64) -> Self::Tag;

    /// The same trade, packed, as JSON. A break ends the run.
    fn trade(&mut self, json: &[u8]) -> ControlFlow<()>;

    /// A message with the trades of these tags is about to be sent.
    fn message(&mut self, message: &mut Message, tags: Vec<Self::Tag>) -> Self::Stub;

    /// A message was confirmed.
    fn confirmed(&mut self, stub: Self::Stub);

    /// Whether what was sent must have its effects before more is.
    fn is_ahead(&self) -> bool {
        false
    }

    /// There is a moment to show what was done. A break ends the run.
    fn pause(&mut self, counts: Counts, now_us: u64) -> ControlFlow<()>;
}
