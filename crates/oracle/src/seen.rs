//! One trade as the oracle reads it.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Ids are any JSON string of up to this many bytes.
const LONGEST_ID: usize = 256;

/// What one trade says about its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Request {
        shares: u64,
        client: String,
        stock: String,
    },
    Purchase {
        id: String,
        shares: u64,
    },
}

/// The order id and what the trade says of it; `None` for a value that is no trade.
pub(crate) fn read(trade: &Value) -> Option<(String, Seen)> {
    let text = |field: &str| trade.get(field)?.as_str().map(str::to_owned);
    let id = |field: &str| text(field).filter(|id| id.len() <= LONGEST_ID);

    let own_id = id("id")?;
    let shares = trade.get("#shares")?.as_u64()?;
    let client = text("client")?;
    let stock = text("stock")?;
    if trade.get("initial_order_id").is_some() {
        let order_id = id("initial_order_id")?;
        Some((order_id, Seen::Purchase { id: own_id, shares }))
    } else {
        let request = Seen::Request {
            shares,
            client,
            stock,
        };
        Some((own_id, request))
    }
}

/// A field `time` that is neither microseconds since the epoch nor RFC 3339.
pub(crate) struct NoTime;

/// The trade's field `time` in microseconds since the epoch, if it has one.
pub(crate) fn time_us(trade: &Value) -> Result<Option<i64>, NoTime> {
    let micros = match trade.get("time") {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|moment| i64::try_from(moment.unix_timestamp_nanos().div_euclid(1000)).ok()),
        Some(_) => None,
    };
    micros.map(Some).ok_or(NoTime)
}
