//! Named points at which a test may have the process killed, with SIGKILL: nothing runs after it.
//!
//! Built only with the feature `crash-points`; `ALDEBARAN_CRASH_AT=sending` kills the process the
//! first time it comes by that point, `sending:3` the third time. With `ALDEBARAN_STOP_AT` it is
//! only stopped, with SIGSTOP. The points, in their order:
//! `received`, `inserted`, `acknowledged`, `claimed`, `sending`, `threshold` (right before the
//! first byte that can make the provider take it), `answered`, `recorded`.

/// Passes a point.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_name: &str) {}

/// Passes a point, or does not.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    use rustix::process::{Signal, getpid, kill_process};

    if armed::CRASH.comes_by(name) {
        // The signal is there before the call returns; no other thread gets far.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort();
    }
    if armed::STOP.comes_by(name) {
        let _ = kill_process(getpid(), Signal::STOP);
        // Any thread may take the signal, in its own time; once one has, this one goes no further.
        while armed::is_stop_pending() {}
    }
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    use rustix::process::Signal;

    pub(super) static CRASH: LazyLock<Trap> = LazyLock::new(|| Trap::of("ALDEBARAN_CRASH_AT"));
    pub(super) static STOP: LazyLock<Trap> = LazyLock::new(|| Trap::of("ALDEBARAN_STOP_AT"));

    /// Whether a SIGSTOP to the process waits for a thread to take it; see proc(5).
    pub(super) fn is_stop_pending() -> bool {
        const STOP: u64 = 1 << (Signal::STOP.as_raw() - 1);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
        let pending = pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        pending.is_some_and(|mask| mask & STOP != 0)
    }

    /// A point, and how often it is passed before something happens.
    pub(super) struct Trap {
        point: String,
        left: AtomicU64,
    }

    impl Trap {
        fn of(variable: &str) -> Self {
            let text = std::env::var(variable).unwrap_or_default();
            let (point, times) = text.split_once(':').unwrap_or((&text, "1"));
            Self {
                point: point.to_owned(),
                left: AtomicU64::new(times.parse().unwrap_or(1)),
            }
        }

        pub(super) fn comes_by(&self, point: &str) -> bool {
            self.point == point && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        }
    }
}
