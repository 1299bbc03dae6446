//! Trades that somebody's client put into the wrong shard, on their way to the right one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use book::Moment;
use broker::{Header, Message};
use engine::FORWARDED_HEADER;
use topology::names;
use trade::{NDJSON, TIME_HEADER};

use crate::rejected::Reason;
use crate::tally::Tally;

/// The misplaced trades of one message.
pub(crate) struct Misplaced {
    shards: u32,
    /// Name of the stream that they were found in.
    source: Arc<str>,
    /// For each shard that trades belong to, a line a trade.
    lines: BTreeMap<u32, Vec<u8>>,
    tally: Arc<Tally>,
}

impl Misplaced {
    /// None yet.
    pub(crate) fn new(shards: u32, source: Arc<str>, tally: Arc<Tally>) -> Self {
        Misplaced {
            shards,
            source,
            lines: BTreeMap::new(),
            tally,
        }
    }

    /// Keeps a trade for the shard that it belongs to.
    pub(crate) fn set_aside(&mut self, trade: &[u8], shard: u32, offset: u64) {
        if self.tally.misplaced.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                source = &*self.source,
                offset,
                "a trade is in the wrong shard: some publisher hashes order ids differently; \
                 it is forwarded, and so will be all others, without further words"
            );
        }
        let lines = self.lines.entry(shard).or_default();
        lines.extend_from_slice(trade);
        lines.push(b'\n');
    }

    /// Why a trade that was forwarded to its shard, and is in a wrong one all the same, is
    /// rejected. Forwarded again it would go round for ever.
    pub(crate) fn again(&self, shard: u32) -> Reason {
        if self.tally.misplaced_again.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(
                source = &*self.source,
                shard,
                "A TRADE WAS FORWARDED TO ITS SHARD AND CAME INTO ANOTHER: the bindings of the \
                 shards are wrong; see the program declare. It is rejected, and so will be all \
                 others"
            );
        }
        let exchange = names::shards_exchange(self.shards);
        Reason {
            word: "misplaced",
            detail: format!(
                "the order belongs into shard {shard}, and what {exchange} was given for that \
                 shard came here: a binding is wrong or one too many"
            ),
        }
    }

    /// Adds the messages that bring the trades to their shards.
    pub(crate) fn forward(&mut self, moment: &Moment, effects: &mut Vec<Message>) {
        while let Some((shard, lines)) = self.lines.pop_first() {
            let time = moment
                .time_us
                .map(|time_us| (TIME_HEADER, Header::Int(time_us)));
            let forwarded = (FORWARDED_HEADER, Header::Text(self.source.to_string()));
            effects.push(Message {
                exchange: names::shards_exchange(self.shards),
                routing_key: shard.to_string(),
                body: lines.into(),
                content_type: Some(NDJSON),
                headers: time.into_iter().chain([forwarded]).collect(),
                ..Message::default()
            });
        }
    }
}
