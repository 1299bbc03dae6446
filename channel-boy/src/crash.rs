//! Named points at which a test may end the process, as kill -9 would: no destructor runs.
//!
//! Built only with the feature `crash-points`; `ALDEBARAN_CRASH_AT=sending` ends the process the
//! first time it comes by that point, `sending:3` the third time. The points, in their order:
//! `received`, `inserted`, `acknowledged`, `claimed`, `sending`, `answered`, `recorded`.

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
    static WHERE: LazyLock<(String, AtomicU64)> = LazyLock::new(|| {
        let text = std::env::var("ALDEBARAN_CRASH_AT").unwrap_or_default();
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        (name.to_owned(), AtomicU64::new(times.parse().unwrap_or(1)))
    });
    let (chosen, left) = &*WHERE;
    if chosen == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
}
