//! Alerts.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kind of an alert that says: more shares were bought than requested.
pub const OVER_PURCHASE: &str = "over_purchase";

/// The namespace of alert ids.
pub const ALERT_NAMESPACE: Uuid = Uuid::from_u128(0x2b9f_4a51_77c6_4d0e_9a35_0c8e_51d7_6e42);

/// The longest routing key, in bytes.
const MAX_ROUTING_KEY: usize = 255;

/// An order was over-purchased. Everything in it comes from the log, so that a replay gives the
/// same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same kind and order, always.
    pub alert_id: Uuid,
    /// [`OVER_PURCHASE`].
    pub kind: String,
    /// The order.
    pub order_id: String,
    /// Who asked for it.
    pub client: String,
    /// What was to be bought.
    pub stock: String,
    /// Shares requested.
    pub requested: u64,
    /// Shares bought when the alert was raised.
    pub purchased: u128,
    /// Shares bought beyond the request.
    pub excess: u128,
    /// The id of the last purchase counted.
    pub tipped_by: String,
    /// The time of the message that opened the book, in microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_time_us: Option<i64>,
    /// The time of the message that raised the alert, in microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_time_us: Option<i64>,
}

/// Bytes that are no alert.
#[derive(Debug, thiserror::Error)]
#[error("read the alert: {0}")]
pub struct AlertError(#[from] serde_json::Error);

impl Alert {
    /// `<kind>.<client>.<stock>`. Dots, white space and control characters inside a part, and
    /// the topic wildcards, become underscores; cut at 255 bytes.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let mut key = format!(
            "{}.{}.{}",
            word(&self.kind),
            word(&self.client),
            word(&self.stock)
        );
        while key.len() > MAX_ROUTING_KEY {
            key.pop();
        }
        key
    }

    /// One JSON object on one line, without a newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and integers always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Alert::to_json`] wrote; unknown fields are passed over.
    ///
    /// # Errors
    /// When the bytes are no such JSON object.
    pub fn from_json(bytes: &[u8]) -> Result<Self, AlertError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// The id of the alert of a kind for an order: UUID version 5 (RFC 9562) of `<kind>:<order id>`
/// under [`ALERT_NAMESPACE`].
#[must_use]
pub fn alert_id(kind: &str, order_id: &str) -> Uuid {
    Uuid::new_v5(&ALERT_NAMESPACE, format!("{kind}:{order_id}").as_bytes())
}

fn word(part: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '#');
    part.chars()
        .map(|c| if special(c) { '_' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(client: &str) -> Alert {
        Alert {
            alert_id: alert_id(OVER_PURCHASE, "1"),
            kind: OVER_PURCHASE.into(),
            order_id: "1".into(),
            client: client.into(),
            stock: "BRK.B".into(),
            requested: u64::MAX,
            purchased: u128::from(u64::MAX) * 3,
            excess: u128::from(u64::MAX) * 2,
            tipped_by: "3".into(),
            opened_time_us: None,
            raised_time_us: Some(1),
        }
    }

    #[test]
    fn id_is_the_same_forever() {
        let id = alert_id(OVER_PURCHASE, "1").to_string();
        assert_eq!(id, "ba5c06b8-0707-55d7-91cf-ac899a7bbefe");
        assert_ne!(alert_id(OVER_PURCHASE, "1"), alert_id(OVER_PURCHASE, "2"));
    }

    #[test]
    fn routing_key_has_three_words_and_at_most_255_bytes() {
        assert_eq!(
            alert("Gold man*#").routing_key(),
            "over_purchase.Gold_man__.BRK_B"
        );
        let long = alert(&"é".repeat(200)).routing_key();
        assert!(long.len() <= 255 && long.starts_with("over_purchase.é"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let alert = alert("c");
        let bytes = alert.to_json();
        assert!(!bytes.is_empty() && !bytes.contains(&b'\n'));
        assert_eq!(Alert::from_json(&bytes).unwrap(), alert);
        assert!(Alert::from_json(b"{}").is_err());
    }
}
