//! The one clock of a run.

use std::time::Duration;

use tokio::time::Instant;

use crate::route::epoch_us;

/// Microseconds since the run began, and from when on they are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) start: Instant,
    /// The time of day then, in microseconds since the epoch.
    start_epoch_us: i64,
    warm_up_us: u64,
}

impl Clock {
    /// Starts now; the first `warm_up` is not measured.
    pub(crate) fn start(warm_up: Duration) -> Self {
        Self {
            start: Instant::now(),
            start_epoch_us: epoch_us(),
            warm_up_us: micros(warm_up),
        }
    }

    pub(crate) fn now_us(&self) -> u64 {
        micros(self.start.elapsed())
    }

    /// Whether what was due then is measured.
    pub(crate) fn is_measured(&self, due_us: u64) -> bool {
        due_us >= self.warm_up_us
    }

    /// The same moment in microseconds since the epoch.
    pub(crate) fn at_epoch_us(&self, at_us: u64) -> i64 {
        self.start_epoch_us.saturating_add_unsigned(at_us)
    }

    /// How long after the end of the warm-up that is.
    pub(crate) fn measured_us(&self, at_us: u64) -> u64 {
        at_us.saturating_sub(self.warm_up_us)
    }
}

/// Whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
