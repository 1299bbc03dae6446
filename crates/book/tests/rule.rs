//! The machine against the rule: by example, and against the plain reference model.

use book::{Books, Moment, Orphan, Settings};
use proptest::prelude::*;
use trade::{Alert, Purchase, Request, Trade};

const TTL_US: i64 = 60_000_000;

fn books() -> Books {
    Books::new(Settings {
        ttl_us: TTL_US,
        max_books: 1000,
        hash_seed: 1,
    })
}

fn at(offset: u64, log_us: i64) -> Moment {
    Moment {
        offset,
        time_us: Some(log_us),
        begin_us: log_us,
        replayed: false,
    }
}

fn request(id: &'static str, shares: u64) -> Trade<'static> {
    Trade::Request(Request {
        id: id.into(),
        shares,
        client: "Sendence".into(),
        stock: "AAPL".into(),
    })
}

fn purchase(id: &str, order: &'static str, shares: u64) -> Trade<'static> {
    Trade::Purchase(Purchase {
        id: id.to_owned().into(),
        order_id: order.into(),
        shares,
        client: "Sendence".into(),
        stock: "AAPL".into(),
    })
}

fn run(books: &mut Books, trades: &[Trade<'_>]) -> Vec<Alert> {
    trades
        .iter()
        .filter_map(|trade| books.apply(trade, &at(0, 0)).ok().flatten())
        .collect()
}

#[test]
fn the_example_of_the_challenge_alerts_once() {
    let alerts = run(
        &mut books(),
        &[
            request("1", 100),
            purchase("2", "1", 90),
            purchase("3", "1", 30),
            purchase("4", "1", 10),
        ],
    );
    let [alert] = alerts.as_slice() else {
        panic!("one alert, not {alerts:?}")
    };
    assert_eq!(
        (alert.requested, alert.purchased, alert.excess),
        (100, 120, 20)
    );
    assert_eq!(
        (alert.order_id.as_str(), alert.tipped_by.as_str()),
        ("1", "3")
    );
    assert_eq!(
        (alert.client.as_str(), alert.stock.as_str()),
        ("Sendence", "AAPL")
    );
}

#[test]
fn exactly_the_limit_is_no_over_purchase() {
    assert!(run(&mut books(), &[request("1", 100), purchase("2", "1", 100)]).is_empty());
    assert!(run(&mut books(), &[request("1", 0), purchase("2", "1", 0)]).is_empty());
    assert_eq!(
        run(&mut books(), &[request("1", 0), purchase("2", "1", 1)]).len(),
        1
    );
}

#[test]
fn purchases_before_their_request_count() {
    let alerts = run(
        &mut books(),
        &[
            purchase("3", "1", 30),
            purchase("2", "1", 90),
            request("1", 100),
        ],
    );
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].tipped_by, "2");
}

#[test]
fn a_purchase_counts_once() {
    let again = [
        request("1", 100),
        purchase("2", "1", 60),
        purchase("2", "1", 60),
    ];
    let mut books = books();
    assert!(run(&mut books, &again).is_empty());
    assert_eq!(books.counts().repeats, 1);
}

#[test]
fn sums_never_overflow() {
    let mut books = books();
    let trades = [
        purchase("a", "1", u64::MAX),
        purchase("b", "1", u64::MAX),
        request("1", u64::MAX),
    ];
    let alerts = run(&mut books, &trades);
    assert_eq!(alerts[0].excess, u128::from(u64::MAX));
}

#[test]
fn a_request_with_other_content_is_a_conflict_and_the_first_one_stands() {
    let mut books = books();
    assert!(
        books
            .apply(&request("1", 100), &at(0, 0))
            .unwrap()
            .is_none()
    );
    assert!(
        books
            .apply(&request("1", 100), &at(1, 0))
            .unwrap()
            .is_none()
    );
    assert_eq!(
        books
            .apply(&request("1", 1000), &at(2, 0))
            .unwrap_err()
            .field,
        "#shares"
    );
    assert_eq!(run(&mut books, &[purchase("2", "1", 101)]).len(), 1);
    assert_eq!(
        books.apply(&request("1", 7), &at(3, 0)).unwrap_err().field,
        "#shares"
    );
    assert_eq!((books.counts().repeats, books.counts().conflicts), (1, 2));
}

#[test]
fn a_book_ends_when_log_time_passes_its_opening_by_the_ttl() {
    for (late_us, alerts) in [(TTL_US, 1), (TTL_US + 1, 0)] {
        let mut books = books();
        let mut orphans = Vec::new();
        assert!(
            books
                .apply(&request("1", 100), &at(5, 1_000))
                .unwrap()
                .is_none()
        );
        assert_eq!(books.oldest(), Some((5, 1_000)));
        books.end_due(1_000 + late_us, &mut orphans);
        assert_eq!(books.len(), alerts);
        let alert = books
            .apply(&purchase("2", "1", 101), &at(6, 1_000 + late_us))
            .unwrap();
        assert_eq!(alert.is_some(), alerts == 1);
        assert_eq!(orphans, []);
    }
}

#[test]
fn a_book_opened_before_time_was_known_counts_as_opened_at_the_first_time_known() {
    let mut books = books();
    let timeless = Moment {
        offset: 1,
        time_us: None,
        begin_us: i64::MIN,
        replayed: false,
    };
    books.apply(&request("1", 100), &timeless).unwrap();
    books.end_due(i64::MIN, &mut Vec::new());
    books.end_due(5, &mut Vec::new());
    books.end_due(5 + TTL_US, &mut Vec::new());
    assert_eq!(books.len(), 1);
    books.end_due(6 + TTL_US, &mut Vec::new());
    assert_eq!(books.len(), 0);
}

#[test]
fn a_tombstone_keeps_an_order_from_alerting_again() {
    let mut books = books();
    let trades = [
        request("1", 1),
        purchase("2", "1", 2),
        request("1", 1),
        purchase("3", "1", 2),
    ];
    assert_eq!(run(&mut books, &trades).len(), 1);
    assert_eq!(books.len(), 1);
    books.end_due(TTL_US, &mut Vec::new());
    assert_eq!(run(&mut books, &[purchase("4", "1", 9)]).len(), 0);
}

#[test]
fn purchases_without_a_request_are_said_when_their_book_ends() {
    let mut books = books();
    let mut orphans = Vec::new();
    run(
        &mut books,
        &[
            purchase("2", "1", 5),
            purchase("3", "1", 6),
            request("9", 1),
        ],
    );
    let replayed = Moment {
        replayed: true,
        ..at(0, 0)
    };
    books.apply(&purchase("4", "7", 5), &replayed).unwrap();
    books.end_due(TTL_US + 1, &mut orphans);
    let orphan = |order: &str, purchases, shares, doubtful| Orphan {
        order_id: order.into(),
        purchases,
        shares,
        doubtful,
    };
    assert_eq!(
        orphans,
        [orphan("1", 2, 11, false), orphan("7", 1, 5, true)]
    );
    assert_eq!((books.len(), books.counts().expired), (0, 3));
}

#[test]
fn the_limit_of_open_books_ends_the_oldest_and_says_so() {
    let mut books = Books::new(Settings {
        ttl_us: TTL_US,
        max_books: 2,
        hash_seed: 1,
    });
    let ids = ["a", "b", "c", "d"];
    for (offset, id) in ids.into_iter().enumerate() {
        books.apply(&request(id, 1), &at(offset as u64, 0)).unwrap();
    }
    books.end_due(0, &mut Vec::new());
    assert_eq!((books.len(), books.counts().evicted), (2, 2));
    assert_eq!(books.oldest(), Some((2, 0)));
}

#[test]
fn an_order_with_very_many_purchases_counts_for_more_than_one_book() {
    let mut books = Books::new(Settings {
        ttl_us: TTL_US,
        max_books: 100,
        hash_seed: 1,
    });
    books.apply(&request("large", u64::MAX), &at(0, 0)).unwrap();
    for n in 0..1000 {
        let id = format!("{n:0200}");
        books.apply(&purchase(&id, "large", 1), &at(1, 0)).unwrap();
    }
    books.apply(&request("small", 1), &at(2, 0)).unwrap();
    books.end_due(0, &mut Vec::new());
    assert_eq!((books.len(), books.counts().evicted), (1, 1));
    books.end_due(TTL_US + 1, &mut Vec::new());
    assert!(books.is_empty());
}

#[test]
fn a_book_ended_by_the_limit_is_no_orphan() {
    let mut books = Books::new(Settings {
        ttl_us: TTL_US,
        // Each counts for two: the ids of its purchases are no UUIDs.
        max_books: 2,
        hash_seed: 1,
    });
    run(&mut books, &[purchase("2", "1", 5), purchase("3", "2", 6)]);
    let mut orphans = Vec::new();
    assert_eq!(books.waiting(), 2);
    books.end_due(0, &mut orphans);
    assert_eq!((books.counts().evicted, orphans), (1, Vec::new()));
}

#[test]
fn a_key_finds_its_order_even_if_other_books_have_come_since() {
    let mut books = books();
    let orders = ["1", "2", "3", "0000000a-0000-4000-8000-000000000001"];
    run(&mut books, &orders.map(|order| request(order, 100)));
    let purchases = orders.map(|order| purchase("p", order, 101));
    let mut keys = Vec::new();
    books.bring(purchases.iter().map(Some), &mut keys);
    books.end_due(0, &mut Vec::new());
    books.end_due(TTL_US + 1, &mut Vec::new());
    assert!(books.is_empty());
    // Into the places that the books above had, the other way round.
    let requests = orders.map(|order| request(order, 200));
    run(&mut books, &requests);
    for (key, purchase) in keys.iter().zip(&purchases) {
        let alert = books.apply_at(key, purchase, &at(1, TTL_US + 1)).unwrap();
        assert_eq!(alert, None);
    }
    assert_eq!((books.len(), books.waiting()), (4, 0));
    let more = orders.map(|order| purchase("q", order, 100));
    let alerts = run(&mut books, &more);
    let alerted: Vec<_> = alerts.iter().map(|alert| alert.order_id.as_str()).collect();
    assert_eq!(alerted, orders);
}

/// Random trades of few orders with few ids, so that repeats and conflicts are common.
fn trades() -> impl Strategy<Value = Vec<serde_json::Value>> {
    let id = prop_oneof!["[ab]", "0000000[01]-0000-4000-8000-000000000000"];
    // Mostly UUIDs, of which books keep lists as long as no other id comes.
    let uuid = "000000[0-5][0-9]-0000-4000-8000-000000000001";
    let purchase = prop_oneof![30 => uuid, 1 => "[p-z]{1,2}"];
    let shares = prop_oneof![0..20_u64, Just(u64::MAX)];
    let trade = (id.clone(), prop::option::weighted(0.8, purchase), shares).prop_map(
        |(order, purchase, shares)| match purchase {
            None => {
                serde_json::json!({"id": order, "#shares": shares, "client": "c", "stock": "s"})
            }
            Some(id) => serde_json::json!({
                "id": id, "initial_order_id": order, "#shares": shares, "client": "c", "stock": "s"
            }),
        },
    );
    prop::collection::vec(trade, 0..300)
}

proptest! {
    #[test]
    fn the_machine_agrees_with_the_reference_model(trades in trades(), seed: u64) {
        let mut books = Books::new(Settings { ttl_us: TTL_US, max_books: 1000, hash_seed: seed });
        let (mut alerted, mut keys) = (Vec::new(), Vec::new());
        let lines: Vec<_> = trades.iter().map(|value| value.to_string()).collect();
        for lines in lines.chunks(7) {
            let trades: Vec<_> =
                lines.iter().map(|line| trade::read(line.as_bytes()).unwrap()).collect();
            books.bring(trades.iter().map(Some), &mut keys);
            for (trade, key) in trades.iter().zip(&keys) {
                if let Ok(Some(alert)) = books.apply_at(key, trade, &at(0, 0)) {
                    alerted.push((alert.order_id, alert.requested));
                }
            }
        }
        alerted.sort();
        let expected: Vec<_> = oracle::over_purchased(&trades)
            .into_iter()
            .map(|expected| (expected.order_id, expected.requested))
            .collect();
        prop_assert_eq!(alerted, expected);
    }

    #[test]
    fn order_of_arrival_and_repeats_change_nothing(
        purchases in prop::collection::vec(0..50_u64, 0..20),
        limit in 0..500_u64,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mut all = vec![request("1", limit)];
        all.extend(purchases.iter().enumerate().map(|(n, s)| purchase(&n.to_string(), "1", *s)));
        let mut books = books();
        let shuffled = order.iter().map(|index| index.get(&all)).chain(&all);
        let alerts = shuffled.filter_map(|trade| books.apply(trade, &at(0, 0)).unwrap()).count();
        prop_assert_eq!(alerts, usize::from(purchases.iter().sum::<u64>() > limit));
    }
}
