//! Trades as a client of any language writes them.

use serde_json::Value;

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
