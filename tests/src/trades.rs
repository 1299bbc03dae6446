//! Trades as a client of any language writes them, and an alert as an auditor raises it.

use serde_json::Value;
use trade::{Alert, OVER_PURCHASE, alert_id};

/// A purchase request, as one line of JSON.
#[must_use]
pub fn request(id: &str, shares: u64) -> String {
    let id = Value::from(id);
    format!(r##"{{"id":{id},"#shares":{shares},"client":"Sendence","stock":"AAPL"}}"##)
}

/// A purchase for the request `order_id`, as one line of JSON.
#[must_use]
pub fn purchase(id: &str, order_id: &str, shares: u64) -> String {
    let (id, order_id) = (Value::from(id), Value::from(order_id));
    format!(
        r##"{{"id":{id},"initial_order_id":{order_id},"#shares":{shares},"client":"Sendence","stock":"AAPL"}}"##
    )
}

/// The alert of an over-purchased order: the same bytes each time.
#[must_use]
pub fn alert_of(order: &str) -> Alert {
    Alert {
        alert_id: alert_id(OVER_PURCHASE, order),
        kind: OVER_PURCHASE.to_owned(),
        order_id: order.to_owned(),
        client: "Sendence".to_owned(),
        stock: "AAPL".to_owned(),
        requested: 100,
        purchased: 120,
        excess: 20,
        tipped_by: "3".to_owned(),
        opened_time_us: None,
        raised_time_us: None,
    }
}
