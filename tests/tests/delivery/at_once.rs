//! Many short plays, some at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use tests::{Amqp, Stage};

/// Plays at a time: each waits more than it works.
const AT_ONCE: usize = 8;

/// Plays everything, each with a connection to the stage's broker; gives what was seen, in the
/// order of the plays. After a failure no further one begins.
pub(crate) fn play_all<T: Copy + Send, S: Send>(
    stage: &Stage,
    plays: &[T],
    play: impl Fn(T, &Amqp) -> Result<S> + Sync,
) -> Result<Vec<(T, S)>> {
    let open: Mutex<VecDeque<_>> = Mutex::new(plays.iter().copied().enumerate().collect());
    let open = || open.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = || -> Result<Vec<_>> {
        let amqp = stage.amqp()?;
        let mut played = Vec::new();
        loop {
            let next = open().pop_front();
            let Some((number, one)) = next else {
                return Ok(played);
            };
            let seen = play(one, &amqp).inspect_err(|_| open().clear())?;
            played.push((number, (one, seen)));
        }
    };
    let mut played = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let mut played = Vec::new();
        for worker in workers {
            played.extend(worker.join().map_err(|_| anyhow!("a play panicked"))??);
        }
        Ok::<_, anyhow::Error>(played)
    })?;
    ensure!(
        played.len() == plays.len(),
        "{} of {} played",
        played.len(),
        plays.len()
    );
    played.sort_by_key(|(number, _)| *number);
    Ok(played.into_iter().map(|(_, seen)| seen).collect())
}
