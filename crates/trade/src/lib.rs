//! The bytes on the wire: trades, batches of trades, alerts, and the shard of an order id.
//!
//! Pure: no clock, no randomness, no I/O. Bytes come in, values go out.

mod alert;
mod batch;
mod fields;
pub mod pack;
mod plain;
mod read;
mod recorded;
mod shard;
mod stamps;

pub use alert::{ALERT_NAMESPACE, Alert, AlertError, OVER_PURCHASE, alert_id};
pub use batch::{Batch, Item, read_batch};
pub use read::{MAX_ID_BYTES, MAX_TRADE_BYTES, Unreadable, read};
pub use recorded::{read_recorded, without_byte_order_mark};
pub use shard::shard_of;
pub use stamps::{PUBLISHED_HEADER, READ_HEADER, TIPS_HEADER};

use std::borrow::Cow;

/// Header of a message that carries trades: microseconds since the epoch, int64.
pub const TIME_HEADER: &str = "aldebaran-time";

/// Content type of a message that carries trades, one JSON object a line.
pub const NDJSON: &str = "application/x-ndjson";

/// A client asks to buy shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The order id.
    pub id: Cow<'a, str>,
    /// How many shares may be bought for it.
    pub shares: u64,
    /// Who asks.
    pub client: Cow<'a, str>,
    /// What is to be bought.
    pub stock: Cow<'a, str>,
}

/// Shares were bought for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase<'a> {
    /// The purchase's own id; a purchase that comes again under it counts once.
    pub id: Cow<'a, str>,
    /// The `id` of the request, on the wire `initial_order_id`.
    pub order_id: Cow<'a, str>,
    /// How many shares were bought.
    pub shares: u64,
    /// For whom.
    pub client: Cow<'a, str>,
    /// What was bought.
    pub stock: Cow<'a, str>,
}

/// A purchase request or a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trade<'a> {
    /// A purchase request.
    Request(Request<'a>),
    /// A purchase.
    Purchase(Purchase<'a>),
}

impl Trade<'_> {
    /// The key of everything: the request's id.
    #[must_use]
    pub fn order_id(&self) -> &str {
        match self {
            Trade::Request(request) => &request.id,
            Trade::Purchase(purchase) => &purchase.order_id,
        }
    }

    /// The trade's own id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Trade::Request(request) => &request.id,
            Trade::Purchase(purchase) => &purchase.id,
        }
    }

    /// Appends the trade as one JSON object, without a newline.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let (id, order_id, shares, client, stock) = match self {
            Trade::Request(r) => (&r.id, None, r.shares, &r.client, &r.stock),
            Trade::Purchase(p) => (&p.id, Some(&p.order_id), p.shares, &p.client, &p.stock),
        };
        out.extend_from_slice(b"{\"id\":");
        write_text(out, id);
        if let Some(order_id) = order_id {
            out.extend_from_slice(b",\"initial_order_id\":");
            write_text(out, order_id);
        }
        out.extend_from_slice(b",\"#shares\":");
        write_value(out, &shares);
        out.extend_from_slice(b",\"client\":");
        write_text(out, client);
        out.extend_from_slice(b",\"stock\":");
        write_text(out, stock);
        out.push(b'}');
    }
}

/// A JSON string. Nearly none has a character to escape, and then it is copied whole.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if !text.bytes().all(is_plain) {
        return write_value(out, &text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Strings and integers always serialise, and a `Vec` always takes them.
fn write_value(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}
