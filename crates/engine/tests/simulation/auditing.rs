//! The over-purchase machine, as the auditor runs it.

use book::{Books, Moment, Settings};
use broker::{Header, Message};
use engine::{LogMessage, Machine, Needed};
use trade::read_batch;

use super::market::TTL_US;
use super::{ALERTS, OFFSET, SHARD};

/// How far a clock may be ahead, in microseconds.
pub(crate) const SKEW_US: i64 = 1_000_000;

/// Books are kept longer by this part of the TTL, as the auditor keeps them.
const GRACE_US: i64 = TTL_US / 16 + SKEW_US;

/// The books of a shard. Its effects say where they come from.
pub(crate) struct Auditing {
    shard: u32,
    books: Books,
}

impl Auditing {
    pub(crate) fn new(shard: u32) -> Self {
        let settings = Settings {
            ttl_us: TTL_US + GRACE_US,
            max_books: 10_000,
            hash_seed: 7,
        };
        Auditing {
            shard,
            books: Books::new(settings),
        }
    }
}

impl Machine for Auditing {
    fn apply(&mut self, message: &LogMessage<'_>, effects: &mut Vec<Message>) {
        let LogMessage {
            offset,
            time_us,
            log_us,
            begin_us,
            replayed,
            body,
            ..
        } = *message;
        self.books.end_due(log_us, &mut Vec::new());
        let moment = Moment {
            offset,
            time_us,
            begin_us,
            replayed,
        };
        for item in read_batch(body) {
            let trade = item.trade.expect("a trade");
            if let Ok(Some(alert)) = self.books.apply(&trade, &moment) {
                effects.push(Message {
                    exchange: ALERTS.to_owned(),
                    body: alert.to_json().into(),
                    message_id: Some(alert.order_id.clone()),
                    headers: vec![
                        (SHARD, Header::Int(i64::from(self.shard))),
                        (OFFSET, Header::Int(i64::try_from(offset).expect("small"))),
                    ],
                    ..Message::default()
                });
            }
        }
    }

    fn oldest_needed(&self) -> Option<Needed> {
        self.books
            .oldest()
            .map(|(offset, log_us)| Needed { offset, log_us })
    }
}
