//! The expectation file, and the oracle that is told trades and closes orders.

use oracle::{Expected, Oracle, read, write};

#[test]
fn what_is_written_is_read_again() {
    let expected = vec![
        Expected {
            order_id: "a \"quoted\" id\n".into(),
            client: "Zürich".into(),
            stock: "AAPL".into(),
            requested: u64::MAX,
            purchased_total: u128::from(u64::MAX) * 3,
        },
        Expected {
            order_id: "b".into(),
            client: "Goldman".into(),
            stock: "IBM".into(),
            requested: 0,
            purchased_total: 1,
        },
    ];
    let mut file = Vec::new();
    write(&expected, &mut file).unwrap();
    assert_eq!(file.iter().filter(|&&byte| byte == b'\n').count(), 2);
    assert_eq!(read(file.as_slice()).unwrap(), expected);
}

#[test]
fn a_line_has_the_documented_fields() {
    let mut oracle = Oracle::new();
    oracle.request("1", 100, "Goldman", "AAPL");
    oracle.purchase("1", "2", 120);
    let mut file = Vec::new();
    write(&oracle.into_expected(), &mut file).unwrap();
    assert_eq!(
        String::from_utf8(file).unwrap(),
        "{\"order_id\":\"1\",\"client\":\"Goldman\",\"stock\":\"AAPL\",\"requested\":100,\"purchased_total\":120}\n"
    );
}

#[test]
fn a_wrong_line_is_named() {
    let error = read("\n{\"order_id\":1}\n".as_bytes()).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn a_closed_order_gives_its_verdict_and_is_forgotten() {
    let mut oracle = Oracle::new();
    for (order_id, bought, alerts) in [("b", 2, true), ("a", 1, false), ("c", 3, true)] {
        oracle.request(order_id, 1, "Goldman", "AAPL");
        oracle.purchase(order_id, "p", bought);
        assert_eq!(oracle.open_books(), 1);
        let alert = oracle.close(order_id);
        assert_eq!(
            alert.is_some_and(|alert| alert.order_id == order_id),
            alerts
        );
        assert_eq!(oracle.open_books(), 0);
    }
    assert_eq!(oracle.close("never seen"), None);
    assert_eq!(oracle.into_expected(), []);
}
