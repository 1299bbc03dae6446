//! What the witness's connections run on.

use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;

/// One runtime with a thread of its own for all connections, so that they also answer heartbeats
/// while nobody waits for them.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let start = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    RUNTIME
        .get_or_init(start)
        .as_ref()
        .map_err(|error| anyhow!("start a runtime: {error}"))
}
