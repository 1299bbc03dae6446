//! Alerts as an auditor raises them.

use trade::{Alert, OVER_PURCHASE, alert_id};

/// The alert of an over-purchased order: the same bytes each time.
pub(crate) fn alert_of(order: &str) -> Alert {
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
