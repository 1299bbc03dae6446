//! The over-purchase machine as the engine runs it: messages in, messages out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use book::{Books, Moment, Orphan, Settings};
use broker::{Header, Message};
use engine::{LogMessage, Machine, Needed};
use topology::names;
use trade::{Alert, Item, NDJSON, TIME_HEADER, Trade, read_batch, shard_of};

use crate::rejected::{Reason, Rejections};
use crate::tally::{Added, Tally};

/// The books of one shard, between the bytes of its log and the bytes of its effects.
pub(crate) struct OverPurchase {
    shard: u32,
    shards: u32,
    /// Name of the shard's stream.
    source: Arc<str>,
    books: Books,
    orphans: Vec<Orphan>,
    /// Trades of the present message that belong to other shards, a line each.
    misplaced: BTreeMap<u32, Vec<u8>>,
    tally: Arc<Tally>,
    added: Added,
}

impl OverPurchase {
    /// No books yet for shard `shard` of `shards`.
    pub(crate) fn new(shard: u32, shards: u32, settings: Settings, tally: Arc<Tally>) -> Self {
        OverPurchase {
            shard,
            shards,
            source: names::shard_stream(shards, shard).into(),
            books: Books::new(settings),
            orphans: Vec::new(),
            misplaced: BTreeMap::new(),
            tally,
            added: Added::default(),
        }
    }

    /// Gives what is to be published for one trade.
    fn apply_trade(
        &mut self,
        item: &Item<'_>,
        trade: &Trade<'_>,
        moment: &Moment,
        rejections: &mut Rejections<'_>,
    ) -> Option<Message> {
        let shard = shard_of(trade.order_id(), self.shards);
        if shard != self.shard {
            self.set_aside(item, shard, moment);
            return None;
        }
        match self.books.apply(trade, moment) {
            Ok(alert) => alert.as_ref().map(alert_message),
            Err(conflict) => {
                let detail = format!(
                    "the order was requested before with another `{}`",
                    conflict.field
                );
                rejections.reject(
                    item,
                    &Reason {
                        word: "conflict",
                        detail,
                    },
                )
            }
        }
    }

    /// Keeps a trade that somebody's client put into the wrong shard for the right one.
    fn set_aside(&mut self, item: &Item<'_>, shard: u32, moment: &Moment) {
        if self.tally.misplaced.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                source = &*self.source,
                offset = moment.offset,
                "a trade is in the wrong shard: some publisher hashes order ids differently; \
                 it is forwarded, and so will be all others, without further words"
            );
        }
        let lines = self.misplaced.entry(shard).or_default();
        lines.extend_from_slice(item.raw);
        lines.push(b'\n');
    }

    fn forward(&mut self, moment: &Moment, effects: &mut Vec<Message>) {
        while let Some((shard, lines)) = self.misplaced.pop_first() {
            let time = moment
                .time_us
                .map(|time_us| (TIME_HEADER, Header::Int(time_us)));
            effects.push(Message {
                exchange: names::shards_exchange(self.shards),
                routing_key: shard.to_string(),
                body: lines.into(),
                content_type: Some(NDJSON),
                headers: time.into_iter().collect(),
                ..Message::default()
            });
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
        for item in read_batch(body) {
            let effect = match &item.trade {
                Ok(trade) => self.apply_trade(&item, trade, &moment, &mut rejections),
                Err(unreadable) => {
                    Tally::add(&self.tally.unreadable, 1);
                    rejections.reject(&item, &unreadable.into())
                }
            };
            effects.extend(effect);
        }
        effects.extend(rejections.rest());
        self.forward(&moment, effects);
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
mod tests {
    use super::*;

    fn machine() -> OverPurchase {
        let settings = Settings {
            ttl_us: 1_000_000,
            max_books: 1000,
            hash_seed: 1,
        };
        OverPurchase::new(0, 1, settings, Arc::default())
    }

    fn apply(machine: &mut OverPurchase, offset: u64, log_us: i64, body: &str) -> Vec<Message> {
        let mut effects = Vec::new();
        let body = body.as_bytes();
        let message = LogMessage {
            offset,
            time_us: Some(log_us),
            log_us,
            begin_us: log_us,
            replayed: false,
            body,
        };
        machine.apply(&message, &mut effects);
        effects
    }

    fn text(message: &Message, name: &str) -> Option<String> {
        message
            .headers
            .iter()
            .find(|(header, _)| *header == name)
            .map(|(_, value)| match value {
                Header::Text(text) => text.clone(),
                Header::Int(number) => number.to_string(),
            })
    }

    const CHALLENGE: &str = r##"
        {"id":"1","#shares":100,"client":"Sendence","stock":"AAPL"}
        {"id":"2","initial_order_id":"1","#shares":90,"client":"Sendence","stock":"AAPL"}
        {"id":"3","initial_order_id":"1","#shares":30,"client":"Sendence","stock":"AAPL"}
        {"id":"4","initial_order_id":"1","#shares":10,"client":"Sendence","stock":"AAPL"}"##;

    #[test]
    fn a_batch_gives_one_alert() {
        let effects = apply(&mut machine(), 7, 50, CHALLENGE);
        let [alert] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!(alert.exchange, "Aldebaran.Alert");
        assert_eq!(alert.routing_key, "over_purchase.Sendence.AAPL");
        let body = Alert::from_json(&alert.body).unwrap();
        assert_eq!(alert.message_id, Some(body.alert_id.to_string()));
        assert_eq!(
            (body.tipped_by.as_str(), body.raised_time_us),
            ("3", Some(50))
        );
    }

    #[test]
    fn what_cannot_be_read_is_rejected_whole_and_the_rest_is_processed() {
        let body = format!("hello \u{1F600}\n{CHALLENGE}\n{{\"id\":\"9\"}}");
        let effects = apply(&mut machine(), 7, 50, &body);
        let rejected: Vec<_> = effects
            .iter()
            .filter(|message| message.exchange == "Aldebaran.Rejected")
            .collect();
        assert_eq!((effects.len(), rejected.len()), (3, 2));
        assert_eq!(&rejected[0].body[..], "hello \u{1F600}".as_bytes());
        assert_eq!(text(rejected[0], REASON).as_deref(), Some("not-json"));
        assert_eq!(
            text(rejected[0], "aldebaran-source").as_deref(),
            Some("Aldebaran.Shards.1-0")
        );
        assert_eq!(text(rejected[0], "aldebaran-offset").as_deref(), Some("7"));
        assert_eq!(text(rejected[0], "aldebaran-line").as_deref(), Some("1"));
        assert_eq!(text(rejected[1], REASON).as_deref(), Some("missing-field"));
    }

    const REASON: &str = "aldebaran-reason";

    #[test]
    fn a_message_of_garbage_becomes_few_messages() {
        let effects = apply(&mut machine(), 7, 50, &"x\n".repeat(5000));
        assert_eq!(effects.len(), 101);
        assert_eq!(effects[100].body.len(), 2 * 4900);
        assert_eq!(
            text(&effects[100], "aldebaran-lines").as_deref(),
            Some("4900")
        );
    }

    #[test]
    fn a_request_with_another_limit_is_rejected() {
        let again = CHALLENGE.replace("100", "1000");
        let mut machine = machine();
        apply(&mut machine, 7, 50, CHALLENGE);
        let effects = apply(&mut machine, 8, 51, again.lines().nth(1).unwrap());
        assert_eq!(text(&effects[0], REASON).as_deref(), Some("conflict"));
    }

    #[test]
    fn a_misplaced_trade_is_forwarded() {
        let settings = Settings {
            ttl_us: 1_000_000,
            max_books: 1000,
            hash_seed: 1,
        };
        let wrong = (shard_of("1", 8) + 1) % 8;
        let mut machine = OverPurchase::new(wrong, 8, settings, Arc::default());
        let effects = apply(&mut machine, 7, 50, CHALLENGE);
        assert_eq!(effects.len(), 1);
        assert_eq!(read_batch(&effects[0].body).count(), 4);
        assert_eq!(effects[0].exchange, "Aldebaran.Shards.8");
        assert_eq!(effects[0].routing_key, shard_of("1", 8).to_string());
        assert_eq!(text(&effects[0], TIME_HEADER).as_deref(), Some("50"));
    }

    #[test]
    fn an_idle_shard_keeps_its_books_and_the_next_message_ends_them_first() {
        let mut machine = machine();
        let lines: Vec<_> = CHALLENGE.trim().lines().collect();
        assert!(apply(&mut machine, 7, 50, lines[0]).is_empty());
        assert!(apply(&mut machine, 8, 60, lines[1]).is_empty());
        // Nothing comes for an hour; then what would tip the order, were its book still open.
        assert_eq!(machine.oldest_needed().map(|needed| needed.offset), Some(7));
        assert!(apply(&mut machine, 9, 3_600_000_060, lines[2]).is_empty());
        assert_eq!(machine.oldest_needed().map(|needed| needed.offset), Some(9));
    }

    #[test]
    fn an_orphan_is_said_when_its_book_ends() {
        let mut machine = machine();
        let purchase = CHALLENGE.lines().nth(2).unwrap();
        assert!(apply(&mut machine, 7, 50, purchase).is_empty());
        assert_eq!(
            machine.oldest_needed(),
            Some(Needed {
                offset: 7,
                log_us: 50
            })
        );
        let effects = apply(&mut machine, 8, 1_000_051, "");
        assert_eq!(text(&effects[0], REASON).as_deref(), Some("orphan"));
        assert_eq!(
            &effects[0].body[..],
            br#"{"order_id":"1","purchases":1,"shares":"90"}"#
        );
        assert_eq!(machine.oldest_needed(), None);
    }
}
