//! When to try again.

use std::{fmt, time::Duration};

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

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// The time for retries is over.
    Deadline,
    /// There would be time, but not after as much of it as the provider asks to be left alone.
    Asked(Duration),
}

impl Retry {
    /// The time of the next attempt, in milliseconds since the epoch, or why there is none.
    /// `attempts` were made, the first at `first_try_ms`; the provider asked for at least
    /// `asked`; `chance` is any number, and the same gives the same.
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
    ) -> Result<i64, GiveUp> {
        let doublings = attempts.saturating_sub(1).min(31);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        let cut = pause.mul_f64((chance % 1024) as f64 / 2048.0);
        let pause = pause - cut;
        let deadline_ms = first_try_ms.saturating_add(milliseconds(self.give_up_after));
        let after = |pause| now_ms.saturating_add(milliseconds(pause));
        if after(pause) > deadline_ms {
            return Err(GiveUp::Deadline);
        }
        match asked {
            Some(asked) if after(asked) > deadline_ms => Err(GiveUp::Asked(asked)),
            Some(asked) => Ok(after(pause.max(asked))),
            None => Ok(after(pause)),
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("given up"),
            Self::Asked(asked) => write!(
                f,
                "given up, because the provider asks for {}, longer than give_up_after allows,",
                humantime::format_duration(Duration::from_secs(asked.as_secs()))
            ),
        }
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
            .filter_map(|attempts| RETRY.next(attempts, 0, 0, None, 0).ok())
            .collect();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        assert_eq!(pauses, seconds.map(|s| s * 1000));
        assert_eq!(RETRY.next(u32::MAX, 0, 0, None, 0), Ok(60_000));
    }

    #[test]
    fn chance_cuts_up_to_half() {
        for chance in [0, 1, 511, 1023, u64::MAX] {
            let at_ms = RETRY.next(1, 0, 0, None, chance).unwrap();
            assert!((500..=1000).contains(&at_ms), "{at_ms}");
        }
        assert!(RETRY.next(1, 0, 0, None, 1023).unwrap() < 1000);
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least() {
        let asked = Some(Duration::from_secs(90));
        assert_eq!(RETRY.next(1, 0, 0, asked, 7), Ok(90_000));
        let asked = Some(Duration::from_millis(1));
        assert_eq!(RETRY.next(1, 0, 0, asked, 0), Ok(1000));
    }

    #[test]
    fn nothing_begins_after_the_deadline() {
        assert_eq!(RETRY.next(3, 0, 596_000, None, 0), Ok(600_000));
        let late = RETRY.next(3, 0, 596_001, None, 0);
        assert_eq!(late, Err(GiveUp::Deadline));
        let end = RETRY.next(1, 0, i64::MAX, Some(Duration::MAX), 0);
        assert_eq!(end, Err(GiveUp::Deadline));
    }

    /// The words in the ledger tell which of the two it was.
    #[test]
    fn a_provider_that_asks_for_too_much_is_told_apart() {
        let asked = Duration::from_secs(601);
        let given_up = RETRY.next(1, 0, 0, Some(asked), 0);
        assert_eq!(given_up, Err(GiveUp::Asked(asked)));
        assert!(GiveUp::Asked(asked).to_string().contains("asks for 10m 1s"));
    }
}
