//! Named points at which a test may have the process killed, with SIGKILL: nothing runs after it.
//!
//! Built only with the feature `crash-points`; `ALDEBARAN_CRASH_AT=sending` kills the process the
//! first time it comes by that point, `sending:3` the third time. The points, in their order:
//! `received`, `inserted`, `acknowledged`, `claimed`, `sending`, `threshold` (right before the
//! first byte that can make the provider take it), `answered`, `recorded`.

/// Passes a point.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_name: &str) {}

/// Passes a point, or does not.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    use rustix::process::{Signal, getpid, kill_process};

    static WHERE: LazyLock<(String, AtomicU64)> = LazyLock::new(|| {
        let text = std::env::var("ALDEBARAN_CRASH_AT").unwrap_or_default();
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        (name.to_owned(), AtomicU64::new(times.parse().unwrap_or(1)))
    });
    let (chosen, left) = &*WHERE;
    if chosen == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // The signal is there before the call returns; no other thread gets far.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort();
    }
}
