//! The over-purchase machine as the engine runs it: messages in, messages out.

use std::sync::Arc;

use book::{Books, Conflict, Key, Moment, Orphan, Settings};
use broker::Message;
use engine::{LogMessage, Machine, Needed};
use topology::names;
use trade::{Alert, Item, Trade, read_batch, shard_of};

use crate::misplaced::Misplaced;
use crate::rejected::{Reason, Rejections};
use crate::tally::{Added, Tally};

/// How many trades are read before their books are looked for, so that they are waited for
/// together.
pub(crate) const TOGETHER: usize = 64;

/// The books of one shard, between the bytes of its log and the bytes of its effects.
pub(crate) struct OverPurchase {
    shard: u32,
    shards: u32,
    /// Name of the shard's stream.
    source: Arc<str>,
    books: Books,
    /// Of the trades that were brought together.
    keys: Vec<Key>,
    orphans: Vec<Orphan>,
    misplaced: Misplaced,
    tally: Arc<Tally>,
    added: Added,
}

impl OverPurchase {
    /// No books yet for shard `shard` of `shards`.
    pub(crate) fn new(shard: u32, shards: u32, settings: Settings, tally: Arc<Tally>) -> Self {
        let source: Arc<str> = names::shard_stream(shards, shard).into();
        OverPurchase {
            shard,
            shards,
            books: Books::new(settings),
            keys: Vec::new(),
            orphans: Vec::new(),
            misplaced: Misplaced::new(shards, Arc::clone(&source), Arc::clone(&tally)),
            source,
            tally,
            added: Added::default(),
        }
    }

    /// Applies one item of a message; gives why it is to be rejected, if it is. A misplaced trade
    /// waits for the message's end.
    #[inline]
    fn apply_item(
        &mut self,
        item: &Item<'_>,
        key: &Key,
        forwarded: bool,
        moment: &Moment,
        effects: &mut Vec<Message>,
    ) -> Result<(), Reason> {
        let trade = item.trade.as_ref().map_err(|unreadable| {
            Tally::add(&self.tally.unreadable, 1);
            Reason::from(unreadable)
        })?;
        let shard = shard_of(trade.order_id(), self.shards);
        if shard == self.shard {
            return self.apply_trade(trade, key, moment, effects);
        }
        if forwarded {
            return Err(self.misplaced.again(shard));
        }
        self.misplaced.set_aside(item.raw, shard, moment.offset);
        Ok(())
    }

    /// Applies one trade of this shard; gives why it is to be rejected, if it is.
    #[inline]
    fn apply_trade(
        &mut self,
        trade: &Trade<'_>,
        key: &Key,
        moment: &Moment,
        effects: &mut Vec<Message>,
    ) -> Result<(), Reason> {
        match self.books.apply_at(key, trade, moment) {
            // Nearly no trade raises one: for the others nothing is moved.
            Ok(None) => Ok(()),
            Ok(Some(alert)) => {
                effects.push(alert_message(&alert));
                Ok(())
            }
            Err(Conflict { field }) => Err(Reason {
                word: "conflict",
                detail: format!("the order was requested before with another `{field}`"),
            }),
        }
    }

    fn say_orphans(&mut self, rejections: &mut Rejections<'_>, effects: &mut Vec<Message>) {
        for orphan in self.orphans.drain(..) {
            if orphan.doubtful {
                Tally::add(&self.tally.doubtful, 1);
                continue;
            }
            Tally::add(&self.tally.orphans, 1);
            let Orphan {
                order_id,
                purchases,
                shares,
                ..
            } = orphan;
            let body = serde_json::json!({
                "order_id": order_id, "purchases": purchases, "shares": shares.to_string(),
            });
            let detail = "purchases came, and no request for them while their book was open";
            let reason = Reason {
                word: "orphan",
                detail: detail.to_owned(),
            };
            effects.extend(rejections.reject_whole(body.to_string().as_bytes(), &reason));
        }
    }
}

impl Machine for OverPurchase {
    fn apply(&mut self, message: &LogMessage<'_>, effects: &mut Vec<Message>) {
        let LogMessage {
            offset,
            time_us,
            log_us,
            begin_us,
            replayed,
            forwarded,
            body,
        } = *message;
        let moment = Moment {
            offset,
            time_us,
            begin_us,
            replayed,
        };
        let source = Arc::clone(&self.source);
        let mut rejections = Rejections::of(&source, Some(offset));
        self.books.end_due(log_us, &mut self.orphans);
        self.say_orphans(&mut rejections, effects);
        let mut items = read_batch(body);
        let mut together = Vec::new();
        let mut keys = std::mem::take(&mut self.keys);
        loop {
            together.clear();
            while together.len() < TOGETHER
                && let Some(item) = items.next()
            {
                together.push(item);
            }
            if together.is_empty() {
                break;
            }
            let trades = together.iter().map(|item| item.trade.as_ref().ok());
            self.books.bring(trades, &mut keys);
            for (item, key) in together.iter().zip(&keys) {
                if let Err(reason) = self.apply_item(item, key, forwarded, &moment, effects) {
                    effects.extend(rejections.reject(item, &reason));
                }
            }
        }
        self.keys = keys;
        effects.extend(rejections.rest());
        self.misplaced.forward(&moment, effects);
        self.tally.add_changes(&self.books, &mut self.added);
    }

    fn oldest_needed(&self) -> Option<Needed> {
        self.books
            .oldest()
            .map(|(offset, log_us)| Needed { offset, log_us })
    }
}

impl Drop for OverPurchase {
    fn drop(&mut self) {
        self.tally.end(&self.added);
    }
}

fn alert_message(alert: &Alert) -> Message {
    Message {
        exchange: names::ALERT.to_owned(),
        routing_key: alert.routing_key(),
        body: alert.to_json().into(),
        content_type: Some("application/json"),
        message_id: Some(alert.alert_id.to_string()),
        ..Message::default()
    }
}

#[cfg(test)]
mod tests;
