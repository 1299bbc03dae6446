//! The oracle against cases worked out by hand.

use oracle::{Expected, over_purchased, over_purchased_within};
use serde_json::{Value, json};

fn request(id: &str, shares: u64) -> Value {
    json!({"id": id, "#shares": shares, "client": "Goldman", "stock": "AAPL"})
}

fn purchase(id: &str, order_id: &str, shares: u64) -> Value {
    json!({"id": id, "initial_order_id": order_id, "#shares": shares, "client": "Goldman", "stock": "AAPL"})
}

fn at(mut trade: Value, time: impl Into<Value>) -> Value {
    trade["time"] = time.into();
    trade
}

fn expected(order_id: &str, requested: u64, purchased_total: u128) -> Expected {
    Expected {
        order_id: order_id.into(),
        client: "Goldman".into(),
        stock: "AAPL".into(),
        requested,
        purchased_total,
    }
}

#[test]
fn the_challenges_example_alerts_once_and_counts_every_purchase() {
    let trades = [
        request("1", 100),
        purchase("2", "1", 90),
        purchase("3", "1", 30),
        purchase("4", "1", 5),
    ];
    assert_eq!(over_purchased(&trades), [expected("1", 100, 125)]);
    assert_eq!(over_purchased(&trades[..2]), []);
}

#[test]
fn a_sum_equal_to_the_limit_is_no_alert() {
    let trades = [
        request("1", 100),
        purchase("2", "1", 60),
        purchase("3", "1", 40),
    ];
    assert_eq!(over_purchased(&trades), []);
}

#[test]
fn purchases_may_come_before_their_request() {
    let trades = [
        purchase("2", "1", 60),
        purchase("3", "1", 41),
        request("1", 100),
    ];
    assert_eq!(over_purchased(&trades), [expected("1", 100, 101)]);
}

#[test]
fn purchases_without_a_request_never_alert() {
    assert_eq!(over_purchased(&[purchase("2", "1", u64::MAX)]), []);
}

#[test]
fn a_repeated_purchase_counts_once_and_its_first_form_wins() {
    let trades = [
        request("1", 100),
        purchase("2", "1", 60),
        purchase("2", "1", 99),
    ];
    assert_eq!(over_purchased(&trades), []);
}

#[test]
fn a_purchase_id_counts_once_in_each_order() {
    let trades = [
        request("a", 1),
        request("b", 1),
        purchase("2", "a", 2),
        purchase("2", "b", 3),
    ];
    assert_eq!(
        over_purchased(&trades),
        [expected("a", 1, 2), expected("b", 1, 3)]
    );
}

#[test]
fn the_first_request_wins() {
    let trades = [request("1", 10), request("1", 1), purchase("2", "1", 5)];
    assert_eq!(over_purchased(&trades), []);
    let trades = [request("1", 1), request("1", 10), purchase("2", "1", 5)];
    assert_eq!(over_purchased(&trades), [expected("1", 1, 5)]);
}

#[test]
fn sums_go_beyond_64_bits() {
    let trades = [
        request("1", u64::MAX),
        purchase("2", "1", u64::MAX),
        purchase("3", "1", u64::MAX),
    ];
    assert_eq!(
        over_purchased(&trades),
        [expected("1", u64::MAX, 2 * u128::from(u64::MAX))]
    );
}

#[test]
fn what_is_no_trade_counts_for_nothing() {
    let good = purchase("2", "1", 1);
    let mut trades = vec![request("1", 0)];
    for (field, value) in [
        ("#shares", json!(-1)),
        ("#shares", json!(1.5)),
        ("#shares", json!("1")),
        (
            "#shares",
            serde_json::from_str("18446744073709551616").unwrap(),
        ),
        ("id", json!(2)),
        ("id", json!("x".repeat(257))),
        ("initial_order_id", json!(1)),
        ("client", Value::Null),
        ("stock", json!(["AAPL"])),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        trades.push(bad);
    }
    trades.extend([json!([]), json!("trade"), Value::Null]);
    assert_eq!(over_purchased(&trades), []);
    trades.push(good);
    assert_eq!(over_purchased(&trades), [expected("1", 0, 1)]);
}

#[test]
fn alerts_are_sorted_by_order_id() {
    let trades = ["c", "a", "b"].map(|id| [request(id, 1), purchase("p", id, 2)]);
    let ids: Vec<_> = over_purchased(trades.as_flattened())
        .into_iter()
        .map(|alert| alert.order_id)
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn a_book_takes_trades_until_log_time_has_passed_its_opening_by_the_ttl() {
    let with_last_at = |time_us: i64| {
        [
            at(request("1", 100), 0),
            at(purchase("2", "1", 90), 1),
            at(purchase("3", "1", 30), time_us),
        ]
    };
    assert_eq!(
        over_purchased_within(60, &with_last_at(60)),
        [expected("1", 100, 120)]
    );
    assert_eq!(over_purchased_within(60, &with_last_at(61)), []);
}

#[test]
fn log_time_is_the_largest_time_of_any_trade() {
    let trades = [
        at(request("1", 100), 0),
        at(request("other", 1), 61),
        // Its own time is early, but log time does not go back: book "1" has ended.
        at(purchase("2", "1", 101), 5),
    ];
    assert_eq!(over_purchased_within(60, &trades), []);
}

#[test]
fn the_next_book_of_an_order_may_alert_again() {
    let trades = [
        at(request("1", 1), 0),
        at(purchase("2", "1", 2), 0),
        at(purchase("3", "1", 2), 60),
        at(request("1", 1), 100),
        at(purchase("2", "1", 7), 100),
    ];
    assert_eq!(
        over_purchased_within(60, &trades),
        [expected("1", 1, 4), expected("1", 1, 7)]
    );
}

#[test]
fn times_are_read_as_rfc_3339_too() {
    let trades = [
        at(request("1", 100), "1970-01-01T01:00:00.000000+01:00"),
        at(purchase("2", "1", 101), "1970-01-01T00:00:00.000060Z"),
        at(request("2", 100), "1970-01-01T00:00:01Z"),
        at(purchase("3", "2", 101), 1_000_061),
    ];
    assert_eq!(
        over_purchased_within(60, &trades),
        [expected("1", 100, 101)]
    );
}

#[test]
fn a_time_that_cannot_be_read_spoils_the_trade_where_time_counts() {
    let trades = [request("1", 100), at(purchase("2", "1", 101), "yesterday")];
    assert_eq!(over_purchased_within(60, &trades), []);
    assert_eq!(over_purchased(&trades), [expected("1", 100, 101)]);
}

#[test]
fn without_any_time_books_stay_open_to_the_end() {
    let trades = [request("1", 100), purchase("2", "1", 101)];
    assert_eq!(over_purchased_within(0, &trades), [expected("1", 100, 101)]);
}
