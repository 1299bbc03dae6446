//! How long a change of owner takes, for the operator.

use std::time::Duration;

use tokio::time::Instant;

/// A shard on its way from its former owner's end to the end of its log.
pub(crate) struct TakeOver {
    shard: u32,
    began: Instant,
    messages: u64,
    is_rebuilt: bool,
    end: End,
}

/// The end that the log had when the shard was taken over.
enum End {
    Unknown { last_read: Option<u64> },
    At(u64),
    Reached,
}

impl TakeOver {
    /// The owner has begun to read at `from`.
    pub(crate) fn begin(shard: u32, from: Option<u64>, is_rebuilt: bool, began: Instant) -> Self {
        tracing::info!(shard, from, "took over");
        TakeOver {
            shard,
            began,
            messages: 0,
            is_rebuilt,
            end: End::Unknown { last_read: None },
        }
    }

    /// A message was read, and the state is what the former owner's was, or not yet. Gives
    /// whether the former owner had read the message.
    pub(crate) fn read(&mut self, offset: u64, is_rebuilt: bool) -> bool {
        self.messages += 1;
        let was_behind = !self.is_rebuilt;
        if self.messages == 1 {
            let after_ms = self.began.elapsed().as_millis();
            tracing::info!(shard = self.shard, offset, after_ms, "first message");
        }
        if was_behind && is_rebuilt {
            self.is_rebuilt = true;
            self.say("rebuilt", offset);
        }
        match &mut self.end {
            End::Unknown { last_read } => *last_read = Some(offset),
            End::At(end) if *end <= offset => self.caught_up(offset),
            End::At(_) | End::Reached => {}
        }
        was_behind
    }

    /// The log ended with this message when the shard was taken over, or a little later.
    pub(crate) fn found_end(&mut self, newest: Option<u64>) {
        match (newest, &self.end) {
            (None, End::Unknown { last_read: None }) => self.end = End::Reached,
            (newest, End::Unknown { last_read }) if *last_read >= newest => {
                self.caught_up(last_read.unwrap_or_default());
            }
            (Some(newest), _) => self.end = End::At(newest),
            (None, _) => {}
        }
    }

    fn caught_up(&mut self, offset: u64) {
        self.end = End::Reached;
        self.say("caught up", offset);
    }

    fn say(&self, what: &str, to: u64) {
        let took = self.began.elapsed().max(Duration::from_millis(1));
        let per_s = u128::from(self.messages) * 1000 / took.as_millis();
        tracing::info!(
            shard = self.shard,
            to,
            messages = self.messages,
            per_s,
            took_ms = took.as_millis(),
            "{what}"
        );
    }
}
