//! The only clock: what the ledger and the retries are told.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::retry::milliseconds;

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    milliseconds(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
