//! One session with the broker after another.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Error;

/// The pause after a session that the broker ended.
const PAUSE: Duration = Duration::from_millis(300);

/// Whether every object that a program needs was found on the broker at least once.
#[derive(Debug, Default)]
pub struct Proven(bool);

impl Proven {
    /// They were found: whatever fails from now on is a fault of the broker that passes.
    pub fn set(&mut self) {
        self.0 = true;
    }
}

/// Holds one session after another until one ends well or `stop` is cancelled. Why a session
/// ended is said, but not again and again.
///
/// # Errors
/// What the first sessions meet, until one is [`Proven`], and what waiting does not mend: no
/// access, objects that are not declared.
pub async fn hold_sessions(
    stop: &CancellationToken,
    mut session: impl AsyncFnMut(&mut Proven) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut proven = Proven::default();
    let mut said = String::new();
    while !stop.is_cancelled() {
        match session(&mut proven).await {
            Ok(()) => return Ok(()),
            Err(error) if !proven.0 && !error.is_lost() => return Err(error),
            Err(error) => {
                let words = error.to_string();
                if words != said {
                    tracing::warn!(%error, "the session with the broker ended; beginning another");
                    said = words;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}
