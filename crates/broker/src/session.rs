//! One session with the broker after another.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// The pauses after sessions that ended soon: doubling from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A session that lasted so long had nothing to do with the one before.
const LASTED: Duration = Duration::from_secs(10);

/// How often the same reason is said again while it lasts.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Whether every object that a program needs was found on the broker at least once.
#[derive(Debug, Default)]
pub struct Proven(bool);

impl Proven {
    /// They were found: whatever fails from now on is a fault of the broker that passes.
    pub fn set(&mut self) {
        self.0 = true;
    }
}

/// Holds one session after another until one ends well or `stop` is cancelled, with pauses that
/// grow while sessions end soon. Why a session ended is said, the same reason in a row once a
/// minute.
///
/// # Errors
/// What the first sessions meet, until one is [`Proven`], and what waiting does not mend: no
/// access, objects that are not declared.
pub async fn hold_sessions(
    stop: &CancellationToken,
    mut session: impl AsyncFnMut(&mut Proven) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut proven = Proven::default();
    let mut said: Option<(String, Instant)> = None;
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let Err(error) = session(&mut proven).await else {
            return Ok(());
        };
        if !proven.0 && !error.is_lost() {
            return Err(error);
        }
        if stop.is_cancelled() {
            tracing::warn!(%error, "stopped while the session with the broker was lost");
            return Ok(());
        }
        if began.elapsed() > LASTED {
            (said, pause) = (None, FIRST_PAUSE);
        }
        let words = error.to_string();
        if said
            .as_ref()
            .is_none_or(|(last, at)| *last != words || at.elapsed() > SAY_AGAIN)
        {
            tracing::warn!(%error, "the session with the broker ended; beginning another");
            said = Some((words, Instant::now()));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}
