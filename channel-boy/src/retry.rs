//! When to try again.

use std::time::Duration;

/// Exponential backoff with jitter, under a deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// The pause after the first attempt.
    pub(crate) first: Duration,
    /// No pause grows longer than this, unless the provider asks for it.
    pub(crate) longest: Duration,
    /// No attempt begins later than this after the first.
    pub(crate) give_up_after: Duration,
}

impl Retry {
    /// The time of the next attempt, in milliseconds since the epoch, or `None` when it would
    /// come after the deadline. `attempts` were made, the first at `first_try_ms`; the provider
    /// asked for at least `asked`; `chance` is any number, and the same gives the same.
    ///
    /// The pause doubles with each attempt and is cut by up to half, by `chance`, so that what
    /// failed together does not come back together.
    pub(crate) fn next(
        &self,
        attempts: u32,
        first_try_ms: i64,
        now_ms: i64,
        asked: Option<Duration>,
        chance: u64,
    ) -> Option<i64> {
        let doublings = attempts.saturating_sub(1).min(31);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        let cut = pause.mul_f64((chance % 1024) as f64 / 2048.0);
        let pause = (pause - cut).max(asked.unwrap_or_default());
        let at_ms = now_ms.saturating_add(milliseconds(pause));
        let deadline_ms = first_try_ms.saturating_add(milliseconds(self.give_up_after));
        (at_ms <= deadline_ms).then_some(at_ms)
    }
}

/// A duration in whole milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        give_up_after: Duration::from_secs(600),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (1..10)
            .filter_map(|attempts| RETRY.next(attempts, 0, 0, None, 0))
            .collect();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        assert_eq!(pauses, seconds.map(|s| s * 1000));
        assert_eq!(RETRY.next(u32::MAX, 0, 0, None, 0), Some(60_000));
    }

    #[test]
    fn chance_cuts_up_to_half() {
        for chance in [0, 1, 511, 1023, u64::MAX] {
            let at_ms = RETRY.next(1, 0, 0, None, chance).unwrap();
            assert!((500..=1000).contains(&at_ms), "{at_ms}");
        }
        assert!(RETRY.next(1, 0, 0, None, 1023) < RETRY.next(1, 0, 0, None, 0));
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least() {
        let asked = Some(Duration::from_secs(90));
        assert_eq!(RETRY.next(1, 0, 0, asked, 7), Some(90_000));
        let asked = Some(Duration::from_millis(1));
        assert_eq!(RETRY.next(1, 0, 0, asked, 0), Some(1000));
    }

    #[test]
    fn nothing_begins_after_the_deadline() {
        assert_eq!(RETRY.next(3, 0, 596_000, None, 0), Some(600_000));
        assert_eq!(RETRY.next(3, 0, 596_001, None, 0), None);
        assert_eq!(RETRY.next(1, 0, 0, Some(Duration::from_secs(601)), 0), None);
        assert_eq!(RETRY.next(1, 0, i64::MAX, Some(Duration::MAX), 0), None);
    }
}
