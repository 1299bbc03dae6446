//! Who else is there, and what a fair share of the shards is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker::{Delivered, Error, Lane, Link};
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::run::Config;

/// How often the roster is counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A shard's seat in this process: held or not, and a bell to ask it back.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    held: AtomicBool,
    bell: Notify,
}

impl Seat {
    pub(crate) fn take(&self) {
        // Whoever asked meant the former time.
        let _ = self.bell.notified().now_or_never();
        self.held.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.held.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Waits until somebody asks for the shard. An owner is not always listening: it reads most of
    /// the time. What was asked meanwhile is still there.
    pub(crate) async fn asked_back(&self) {
        self.bell.notified().await;
    }

    fn ask_back(&self) {
        self.bell.notify_one();
    }
}

/// Signs up in the roster, and asks back the shards beyond a fair share of
/// ceil(shards / members), when there have been too many at two counts in a row.
pub(crate) async fn keep(
    config: &Config,
    connection: &impl Link,
    seats: &[Arc<Seat>],
    stop: &CancellationToken,
) -> Result<(), Error> {
    let queue = &config.roster;
    let channel = connection.channel().await?;
    let mut presence = channel.consume(queue, &config.name, 1, None).await?;
    let mut count = interval(COUNT_EVERY);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut too_many_before = false;
    let mut asked_at: Option<(Instant, usize)> = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            message = presence.next() => match message {
                // Nobody sends anything here; whoever does so loses it.
                Some(Ok(message)) => channel.ack(message.tag(), false).await?,
                Some(Err(error)) => return Err(error),
                None => return Err(Error::Cancelled(queue.clone())),
            },
            _ = count.tick() => {
                let members = channel.queue_status(queue).await?.consumers.max(1) as usize;
                let held: Vec<_> = seats.iter().filter(|seat| seat.is_held()).collect();
                let too_many = held.len().saturating_sub(seats.len().div_ceil(members));
                if asked_at.is_some_and(|(_, count)| held.len() < count) {
                    // Somebody else took it; what comes from now on comes for other reasons.
                    asked_at = None;
                }
                // What was asked back a moment ago and is held again came straight back.
                let came_back = asked_at.is_some_and(|(at, count)| {
                    at.elapsed() < config.reluctance && at.elapsed() > COUNT_EVERY && held.len() >= count
                });
                if too_many > 0 && too_many_before && !came_back {
                    tracing::info!(held = held.len(), members, giving_back = too_many, "fair share");
                    held.iter().rev().take(too_many).for_each(|seat| seat.ask_back());
                    asked_at = Some((Instant::now(), held.len()));
                    too_many_before = false;
                } else {
                    too_many_before = too_many > 0;
                }
            }
        }
    }
    channel.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_while_not_listening_hears_it_later() {
        let seat = Seat::default();
        seat.take();
        assert!(seat.asked_back().now_or_never().is_none());
        seat.ask_back();
        assert!(seat.asked_back().now_or_never().is_some());
        assert!(seat.asked_back().now_or_never().is_none());
    }

    #[test]
    fn what_was_asked_the_time_before_is_forgotten() {
        let seat = Seat::default();
        seat.take();
        seat.ask_back();
        seat.leave();
        seat.take();
        assert!(seat.asked_back().now_or_never().is_none());
    }
}
