//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a test waits for what should take a moment. Long, because the machine may be busy;
/// a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer, for at most [`PATIENCE`].
///
/// # Errors
///
/// When there is none in time; then `what` names what was waited for.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> Result<T> {
    within(PATIENCE, what, ask)
}

/// Asks again and again until there is an answer, for at most `patience`.
///
/// # Errors
///
/// When there is none in time; then `what` names what was waited for.
pub fn within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        // Asked once more after the deadline, so that a pause of the whole machine is no failure.
        let late = Instant::now() >= deadline;
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if late {
            return None.with_context(|| format!("waited {patience:?} in vain until {what}"));
        }
        thread::sleep(Duration::from_millis(10));
    }
}
