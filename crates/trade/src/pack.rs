//! Packing the trades of a shard into messages.

/// When a message is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// It holds this many trades (at least 1).
    pub trades: usize,
    /// Another trade would make its body longer than this; a trade that is longer by itself
    /// goes alone.
    pub bytes: usize,
    /// This many microseconds have passed since its first trade.
    pub linger_us: u64,
}

impl Limits {
    /// Of messages to the shards, if nobody says otherwise. What a broker does is by the message:
    /// so many trades fit that messages grow with the rate instead of becoming more. Made-up
    /// trades of 140 bytes fill the bytes first, at some 930.
    pub const TO_SHARDS: Limits = Limits {
        trades: 1024,
        bytes: 128 * 1024,
        linger_us: 1500,
    };
}

/// A message's body, full.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed<T> {
    /// The shard of all its trades.
    pub shard: u32,
    /// The trades as they were pushed, each followed by a newline, but the last.
    pub body: Vec<u8>,
    /// What came with each trade, in the same order: one entry a trade.
    pub tags: Vec<T>,
}

/// Packs trades into one message for each shard at a time.
///
/// Time is an argument: microseconds on whatever clock the caller keeps, never going back.
/// A tag comes with each trade and goes with its message: what to acknowledge once the
/// message is confirmed, or when the trade was due; `()` costs nothing.
#[derive(Debug)]
pub struct Packer<T> {
    limits: Limits,
    shards: Vec<Open<T>>,
}

/// The message of a shard that is being filled.
#[derive(Debug)]
struct Open<T> {
    body: Vec<u8>,
    tags: Vec<T>,
    /// When it must go; `None` while it is empty.
    due_us: Option<u64>,
}

impl<T> Packer<T> {
    /// A packer for `shards` shards, nothing packed yet.
    #[must_use]
    pub fn new(shards: u32, limits: Limits) -> Self {
        let empty = || Open {
            body: Vec::new(),
            tags: Vec::new(),
            due_us: None,
        };
        Self {
            limits,
            shards: (0..shards).map(|_| empty()).collect(),
        }
    }

    /// Adds a trade, one line of JSON without its newline, to the message of its shard.
    ///
    /// Gives the message that this fills, or that had to go first because the trade does not
    /// fit into it. A shard that does not exist counts as the last one. `since_us` is when the
    /// trade began to wait, now at the latest.
    pub fn push(&mut self, shard: u32, trade: &[u8], tag: T, since_us: u64) -> Option<Packed<T>> {
        let shard = shard.min(self.shard_count().saturating_sub(1));
        let Limits {
            trades,
            bytes,
            linger_us,
        } = self.limits;
        let open = self.shards.get_mut(shard as usize)?;
        let fits = open.tags.is_empty() || open.body.len() + 1 + trade.len() <= bytes;
        let gone = if fits { None } else { open.take(shard) };

        if open.tags.is_empty() {
            open.due_us = Some(since_us.saturating_add(linger_us));
        } else {
            open.body.push(b'\n');
        }
        open.body.extend_from_slice(trade);
        open.tags.push(tag);

        // With a limit of one trade nothing waits, so nothing had to go first.
        let full = open.tags.len() >= trades;
        if gone.is_none() && full {
            open.take(shard)
        } else {
            gone
        }
    }

    /// Gives a message whose time has come. Call it until there is none.
    pub fn pop_due(&mut self, now_us: u64) -> Option<Packed<T>> {
        self.pop(|due_us| due_us <= now_us)
    }

    /// Gives any message that is not empty. Call it until there is none, at the end.
    pub fn pop_any(&mut self) -> Option<Packed<T>> {
        self.pop(|_| true)
    }

    /// When [`Packer::pop_due`] next has something to give; `None` while nothing waits.
    #[must_use]
    pub fn next_due_us(&self) -> Option<u64> {
        self.shards.iter().filter_map(|open| open.due_us).min()
    }

    fn pop(&mut self, wanted: impl Fn(u64) -> bool) -> Option<Packed<T>> {
        let mut shards = (0..).zip(&mut self.shards);
        let (shard, open) = shards.find(|(_, open)| open.due_us.is_some_and(&wanted))?;
        open.take(shard)
    }

    fn shard_count(&self) -> u32 {
        u32::try_from(self.shards.len()).unwrap_or(u32::MAX)
    }
}

impl<T> Open<T> {
    /// Takes the message out; the next one starts with as much room as this one needed.
    fn take(&mut self, shard: u32) -> Option<Packed<T>> {
        self.due_us.take()?;
        let body = Vec::with_capacity(self.body.len());
        let tags = Vec::with_capacity(self.tags.len());
        Some(Packed {
            shard,
            body: std::mem::replace(&mut self.body, body),
            tags: std::mem::replace(&mut self.tags, tags),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        trades: 3,
        bytes: 10,
        linger_us: 1000,
    };

    fn packed(shard: u32, body: &str, tags: &[u64]) -> Option<Packed<u64>> {
        Some(Packed {
            shard,
            body: body.into(),
            tags: tags.into(),
        })
    }

    #[test]
    fn a_message_goes_with_the_trade_that_fills_it() {
        let mut packer = Packer::new(2, LIMITS);
        assert_eq!(packer.push(1, b"a", 1, 0), None);
        assert_eq!(packer.push(1, b"b", 2, 0), None);
        assert_eq!(packer.push(1, b"c", 3, 0), packed(1, "a\nb\nc", &[1, 2, 3]));
        assert_eq!(packer.push(1, b"d", 4, 0), None);
        assert_eq!(packer.pop_any(), packed(1, "d", &[4]));
        assert_eq!(packer.pop_any(), None);
    }

    #[test]
    fn shards_are_packed_apart() {
        let mut packer = Packer::new(2, LIMITS);
        for (shard, trade) in [(0, b"a"), (1, b"b"), (0, b"c"), (1, b"d")] {
            assert_eq!(packer.push(shard, trade, 0, 0), None);
        }
        assert_eq!(packer.push(1, b"e", 0, 0), packed(1, "b\nd\ne", &[0; 3]));
        assert_eq!(packer.pop_any(), packed(0, "a\nc", &[0; 2]));
    }

    #[test]
    fn a_trade_that_does_not_fit_sends_the_others_first() {
        let mut packer = Packer::new(1, LIMITS);
        assert_eq!(packer.push(0, b"12345", 1, 0), None);
        // 5 + newline + 4 = 10 bytes fit, 11 do not.
        assert_eq!(packer.push(0, b"6789", 2, 0), None);
        let first = packer.push(0, b"", 3, 5);
        assert_eq!(first, packed(0, "12345\n6789", &[1, 2]));
        assert_eq!(packer.next_due_us(), Some(1005));
        assert_eq!(packer.pop_any(), packed(0, "", &[3]));
    }

    #[test]
    fn a_trade_beyond_the_limit_goes_alone() {
        let mut packer = Packer::new(1, LIMITS);
        assert_eq!(packer.push(0, b"a", 1, 0), None);
        assert_eq!(packer.push(0, &[b'x'; 20], 2, 0), packed(0, "a", &[1]));
        let alone = packer.push(0, b"b", 3, 0);
        assert_eq!(alone, packed(0, &"x".repeat(20), &[2]));
        assert_eq!(packer.pop_any(), packed(0, "b", &[3]));
    }

    #[test]
    fn a_message_lingers_from_its_first_trade_on() {
        let mut packer = Packer::new(2, LIMITS);
        assert_eq!(packer.next_due_us(), None);
        packer.push(1, b"a", 1, 100);
        packer.push(0, b"b", 2, 300);
        packer.push(1, b"c", 3, 900);
        assert_eq!(packer.next_due_us(), Some(1100));
        assert_eq!(packer.pop_due(1099), None);
        assert_eq!(packer.pop_due(1100), packed(1, "a\nc", &[1, 3]));
        assert_eq!(packer.pop_due(1100), None);
        assert_eq!(packer.next_due_us(), Some(1300));
    }

    #[test]
    fn a_limit_of_one_packs_nothing_together() {
        let limits = Limits {
            trades: 1,
            bytes: 0,
            linger_us: 1000,
        };
        let mut packer = Packer::new(1, limits);
        for trade in 0..3 {
            assert_eq!(packer.push(0, b"a", trade, 0), packed(0, "a", &[trade]));
        }
        assert_eq!(packer.next_due_us(), None);
    }

    #[test]
    fn tags_that_carry_nothing_take_no_room() {
        let mut packer = Packer::new(1, LIMITS);
        packer.push(0, b"a", (), 0);
        packer.push(0, b"b", (), 0);
        assert_eq!(packer.push(0, b"c", (), 0).unwrap().tags.len(), 3);
    }
}
