//! How books end, against a plain list of them that is looked at one by one.

use std::collections::VecDeque;

use book::{Books, Moment, Settings};
use proptest::collection::vec;
use proptest::prelude::*;
use trade::{Purchase, Request, Trade};

const AT_ONCE: usize = 4096;

fn books(ttl_us: i64, max_books: usize) -> Books {
    Books::new(Settings {
        ttl_us,
        max_books,
        hash_seed: 1,
    })
}

fn at(offset: u64, begin_us: i64, time_us: Option<i64>) -> Moment {
    Moment {
        offset,
        time_us,
        begin_us,
        replayed: false,
    }
}

fn order_id(order: u64) -> String {
    format!("{order:08x}-0000-4000-8000-000000000000")
}

/// For no shares at all, so that any purchase alerts.
fn request(order: u64) -> Trade<'static> {
    Trade::Request(Request {
        id: order_id(order).into(),
        shares: 0,
        client: "".into(),
        stock: "".into(),
    })
}

fn purchase(order: u64) -> Trade<'static> {
    Trade::Purchase(Purchase {
        id: "00000001-0000-4000-8000-000000000000".into(),
        order_id: order_id(order).into(),
        shares: 1,
        client: "".into(),
        stock: "".into(),
    })
}

#[test]
fn no_more_than_4096_end_with_a_message_that_follows_one_without_new_books() {
    let mut books = books(100, usize::MAX);
    for order in 0..5000 {
        let moment = at(order / 700, 1, None);
        let _ = books.apply(&purchase(order), &moment);
    }
    let mut orphans = Vec::new();
    books.end_due(1, &mut orphans);
    assert_eq!((books.len(), books.oldest()), (5000, Some((0, 1))));
    books.end_due(102, &mut orphans);
    assert_eq!(books.len(), 904);
    assert_eq!(books.oldest(), Some((5, 1)));
    assert_eq!(books.counts().expired, 4096);
    books.end_due(102, &mut orphans);
    assert_eq!((books.len(), books.oldest()), (0, None));
    let ids = orphans.iter().map(|orphan| orphan.order_id.clone());
    assert!(ids.eq((0..5000).map(order_id)));
}

#[test]
fn what_large_messages_open_stays_within_the_limit_and_causes_no_flood() {
    let mut books = books(100, 300);
    for message in 0..4_u32 {
        let log_us = i64::from(message) * 1000;
        let mut orphans = Vec::new();
        books.end_due(log_us, &mut orphans);
        assert!(books.len() <= 300, "{}", books.len());
        assert!(orphans.len() <= AT_ONCE);
        for order in 0..10_000 {
            let moment = at(message.into(), log_us, None);
            let _ = books.apply(&purchase(u64::from(message) * 10_000 + order), &moment);
        }
    }
    assert_eq!(books.counts().expired, 3 * AT_ONCE as u64);
    assert_eq!(books.counts().evicted, 3 * (10_000 - AT_ONCE as u64) - 300);
}

#[test]
fn what_is_behind_is_made_good_while_each_message_opens_many() {
    let mut books = books(100, usize::MAX);
    let open = |books: &mut Books, offset: u64, log_us: i64, orders: std::ops::Range<u64>| {
        for order in orders {
            let _ = books.apply(&request(order), &at(offset, log_us, None));
        }
    };
    open(&mut books, 0, 0, 0..30_000);
    books.end_due(0, &mut Vec::new());
    // All that a message opens is over with the next one.
    for message in 1..20_u32 {
        let (log_us, offset) = (1000 * i64::from(message), u64::from(message));
        books.end_due(log_us, &mut Vec::new());
        let first = 30_000 * (offset + 1);
        open(&mut books, offset, log_us, first..first + 5000);
    }
    assert_eq!((books.len(), books.oldest()), (5000, Some((19, 19_000))));
}

/// A book as the list has it.
struct Plain {
    order: u64,
    opened: Moment,
    is_requested: bool,
    is_alerted: bool,
}

#[derive(Debug, Clone)]
struct Step {
    later_us: i64,
    /// When its books begin, behind log time; `None` if that is unknown.
    begin_later_us: Option<i64>,
    time_us: Option<i64>,
    /// Whether it has the offset of the one before.
    is_again: bool,
    orders: usize,
    /// Which of the open orders are bought for.
    bought: Vec<prop::sample::Index>,
}

fn step() -> impl Strategy<Value = Step> {
    let orders = prop_oneof![8 => 0..80_usize, 1 => 4000..9000_usize];
    let begin = prop_oneof![8 => (0..40_i64).prop_map(Some), 1 => Just(None)];
    let bought = vec(any::<prop::sample::Index>(), 0..5);
    let time = proptest::option::of(0..1000_i64);
    (0..60_i64, begin, time, any::<bool>(), orders, bought).prop_map(
        |(later_us, begin_later_us, time_us, is_again, orders, bought)| Step {
            later_us,
            begin_later_us,
            time_us,
            is_again,
            orders,
            bought,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn books_end_and_remember_their_opening_as_a_plain_list_of_them_does(
        steps in vec(step(), 1..40),
        max_books in prop_oneof![10..300_usize, Just(usize::MAX)],
        ttl_us in 0..300_i64,
    ) {
        let mut books = books(ttl_us, max_books);
        let mut plain: VecDeque<Plain> = VecDeque::new();
        let (mut log_us, mut offset, mut order) = (0, 0, 0);
        let (mut opened, mut expired, mut evicted) = (0, 0, 0);
        let mut first_us = None;
        for step in steps {
            log_us += step.later_us;
            offset += u64::from(!step.is_again);

            let mut orphans = Vec::new();
            books.end_due(log_us, &mut orphans);
            let since_us = *first_us.get_or_insert(log_us);
            let mut said = Vec::new();
            for _ in 0..AT_ONCE + opened {
                let Some(oldest) = plain.front() else { break };
                let is_over = log_us.saturating_sub(oldest.opened.begin_us.max(since_us)) > ttl_us;
                let is_over = is_over && said.len() < AT_ONCE;
                if !is_over && plain.len() <= max_books {
                    break;
                }
                if is_over && !oldest.is_requested {
                    said.push(order_id(oldest.order));
                }
                *(if is_over { &mut expired } else { &mut evicted }) += 1;
                plain.pop_front();
            }
            let orphans: Vec<String> = orphans.into_iter().map(|orphan| orphan.order_id).collect();
            prop_assert_eq!(orphans, said);

            let begin_us = step.begin_later_us.map_or(i64::MIN, |later_us| log_us + later_us);
            let moment = at(offset, begin_us, step.time_us);
            opened = step.orders;
            for _ in 0..step.orders {
                order += 1;
                let is_requested = order % 3 != 0;
                let trade = if is_requested { request(order) } else { purchase(order) };
                prop_assert_eq!(books.apply(&trade, &moment), Ok(None));
                plain.push_back(Plain { order, opened: moment, is_requested, is_alerted: false });
            }
            for index in step.bought {
                if plain.is_empty() {
                    break;
                }
                let nth = index.index(plain.len());
                let book = &mut plain[nth];
                if !book.is_requested || book.is_alerted {
                    continue;
                }
                book.is_alerted = true;
                let alert = books.apply(&purchase(book.order), &moment).unwrap().unwrap();
                prop_assert_eq!(alert.order_id, order_id(book.order));
                prop_assert_eq!(alert.opened_time_us, book.opened.time_us);
                prop_assert_eq!(alert.raised_time_us, step.time_us);
            }

            prop_assert_eq!(books.len(), plain.len());
            let oldest = plain.front().map(|book| (book.opened.offset, book.opened.begin_us));
            prop_assert_eq!(books.oldest(), oldest);
            prop_assert_eq!((books.counts().expired, books.counts().evicted), (expired, evicted));
        }
    }
}
