//! Alerts that nobody raised: to try a template on, and to try a channel with.

use trade::{Alert, OVER_PURCHASE, alert_id};

/// What a template is tried on; each `number` gives another.
pub(crate) fn sample(number: u32) -> Alert {
    let order_id = format!("order-{number}");
    Alert {
        alert_id: alert_id(OVER_PURCHASE, &order_id),
        kind: OVER_PURCHASE.to_owned(),
        order_id,
        client: "Sendence".to_owned(),
        stock: "AAPL".to_owned(),
        requested: 100,
        purchased: 120,
        excess: 20,
        tipped_by: "3".to_owned(),
        opened_time_us: Some(1_435_276_740_000_000),
        raised_time_us: Some(1_435_276_800_000_000),
    }
}

/// A test alert, marked as one in every field that a template may show. `now_ms`, milliseconds
/// since the epoch, makes it another one each time.
pub(crate) fn test_alert(now_ms: i64) -> Alert {
    let order_id = format!("TEST-{now_ms}");
    Alert {
        alert_id: alert_id("test", &order_id),
        order_id,
        client: "TEST, no real alert".to_owned(),
        stock: "TEST".to_owned(),
        tipped_by: "TEST".to_owned(),
        opened_time_us: Some(now_ms.saturating_mul(1000)),
        raised_time_us: Some(now_ms.saturating_mul(1000)),
        ..sample(0)
    }
}
