//! Named points at which a test may end the process, as kill -9 would: no destructor runs.
//!
//! Built only with the feature `crash-points`; `ALDEBARAN_CRASH_AT=emptied` ends the process when
//! it comes by that point. The points are those of [`crate::migrate`], in their order: `made`,
//! `bound`, `unbound`, `taken`, `confirmed`, `moving`, `emptied`, `deleted`, `declared`,
//! `bound-again`, `unbound-again`, `taken-again`, `confirmed-again`, `returning`, `returned`,
//! `cleaned`.

/// Passes a point.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_name: &str) {}

/// Passes a point, or does not.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    if std::env::var("ALDEBARAN_CRASH_AT").is_ok_and(|chosen| chosen == name) {
        std::process::abort();
    }
}
