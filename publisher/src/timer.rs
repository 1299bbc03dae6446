//! Waiting to a tenth of a millisecond.
//!
//! The runtime's own timers are late by up to a millisecond, as they count in whole ones. Beside a
//! linger of one or two that is much, and in every trade that waits for its message.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use program::Fault;
use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// A timer of the kernel (`timerfd_create(2)`).
pub(crate) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
}

impl Timer {
    /// Not set yet.
    #[allow(
        deprecated,
        reason = "unsound for what gives away another descriptor than it owns; this one owns its own"
    )]
    pub(crate) fn new() -> Result<Self, Fault> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let made = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(io::Error::from);
        let descriptor = made.and_then(AsyncFd::new).context("make a timer")?;
        Ok(Self { descriptor })
    }

    /// Waits until `until_us` microseconds after `start`. May be dropped and called again.
    pub(crate) async fn wait(&self, start: Instant, until_us: u64) -> io::Result<()> {
        let until = start + Duration::from_micros(until_us);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Who is always late must let the others work all the same.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let never = Duration::ZERO;
        let setting = Itimerspec {
            it_interval: timespec(never),
            it_value: timespec(left),
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &setting)?;
        loop {
            // What is readable may be left of a wait that was dropped; setting the timer took it.
            let mut ready = self.descriptor.readable().await?;
            match read(self.descriptor.get_ref(), &mut [0_u8; 8]) {
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    ready.clear_ready();
                    return Ok(());
                }
            }
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits that were given up leave nothing behind: none is too short, and those that follow end.
    #[tokio::test]
    async fn is_never_early_whatever_was_waited_for_before() {
        let timer = Timer::new().unwrap();
        for wait_us in [300, 0, 1700, 20, 5000] {
            let start = Instant::now();
            for dropped_us in [wait_us / 2, 3_600_000_000] {
                tokio::select! {
                    biased;
                    waited = timer.wait(start, dropped_us) => waited.unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            }
            timer.wait(start, wait_us).await.unwrap();
            assert!(start.elapsed() >= Duration::from_micros(wait_us));
        }
    }
}
