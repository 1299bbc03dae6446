//! Which trade is due when, over a run whose rate changes.

use std::sync::Arc;
use std::time::Duration;

use crate::quantity;

/// The shortest phase; it bounds how many there are.
const SHORTEST: Duration = Duration::from_millis(100);

/// A rate for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Phase {
    /// Trades per second; 0 is a pause.
    pub(crate) per_second: f64,
    pub(crate) lasts: Duration,
}

/// A producer's part of an open-loop schedule: of all trades of the run, numbered from 0 in the
/// order in which they are due, it gives every n-th. Nothing that happens moves it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    steps: Arc<[Step]>,
    /// Trades of all producers.
    trades: u64,
    nth: u64,
    of: u64,
}

/// A phase in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    begins_us: f64,
    /// Trades due before it begins.
    before: f64,
    per_second: f64,
}

impl Phase {
    /// Reads `RATE:SECONDS`, such as `250k:10` or `1000:1m`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (rate, lasts) = text
            .split_once(':')
            .ok_or("a phase is a rate and how many seconds it lasts, such as 250k:10 or 1000:1m")?;
        let lasts = seconds(lasts)?;
        if lasts < SHORTEST {
            return Err(format!("a phase lasts {SHORTEST:?} at least"));
        }
        Ok(Self {
            per_second: quantity::rate(rate)?,
            lasts,
        })
    }
}

/// Reads a time: `30` seconds, or with a unit, such as `500ms` or `5m`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => humantime::parse_duration(text).map_err(|error| {
            format!("{error}; a time is a number of seconds, or has a unit, such as 500ms or 5m")
        }),
    }
}

impl Plan {
    /// Warms up at the first phase's rate, then repeats the phases until `time` is over.
    pub(crate) fn new(phases: &[Phase], warm_up: Duration, time: Duration) -> Self {
        let first = phases.first().copied();
        let warm_up = first.map(|first| Phase {
            lasts: warm_up,
            ..first
        });
        let mut left = time;
        let measured = phases.iter().cycle().map_while(|phase| {
            let lasts = phase.lasts.min(left);
            left -= lasts;
            (!lasts.is_zero()).then_some(Phase { lasts, ..*phase })
        });
        let (mut begins, mut before) = (Duration::ZERO, 0.0);
        let steps = warm_up.into_iter().chain(measured).map(|phase| {
            let step = Step {
                begins_us: begins.as_secs_f64() * 1e6,
                before,
                per_second: phase.per_second,
            };
            begins += phase.lasts;
            before += phase.per_second * phase.lasts.as_secs_f64();
            step
        });
        Self {
            steps: steps.collect(),
            trades: whole(before),
            nth: 0,
            of: 1,
        }
    }

    /// The part of producer `nth` (from 0) of `of`.
    pub(crate) fn part(&self, nth: u32, of: u32) -> Self {
        Self {
            nth: nth.into(),
            of: of.max(1).into(),
            ..self.clone()
        }
    }

    /// How many trades this part has.
    pub(crate) fn trades(&self) -> u64 {
        self.trades.saturating_sub(self.nth).div_ceil(self.of)
    }

    /// How many trades of this part are due before this time.
    pub(crate) fn due_before(&self, time_us: u64) -> u64 {
        let (mut few, mut many) = (0, self.trades());
        while few < many {
            let middle = few.midpoint(many);
            if self.due_us(middle) < time_us {
                few = middle + 1;
            } else {
                many = middle;
            }
        }
        few
    }

    /// When the trade with this number (of this part, from 0) is due, in microseconds.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn due_us(&self, number: u64) -> u64 {
        let number = (number * self.of + self.nth) as f64;
        let next = self.steps.partition_point(|step| step.before <= number);
        let Some(step) = self.steps.get(next.saturating_sub(1)) else {
            return 0;
        };
        // A pause has no trades of its own.
        let per_second = step.per_second.max(f64::MIN_POSITIVE);
        whole(step.begins_us + (number - step.before) * 1e6 / per_second)
    }
}

// What is counted stays far below 2^52, where f64 is exact; the slack is for sums that miss a
// whole number by a rounding.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> u64 {
    (number + 1e-6) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(phases: &[&str], warm_up_s: u64, time_s: u64) -> Plan {
        let phases: Vec<_> = phases.iter().map(|p| Phase::read(p).unwrap()).collect();
        let seconds = Duration::from_secs;
        Plan::new(&phases, seconds(warm_up_s), seconds(time_s))
    }

    fn dues(plan: &Plan) -> Vec<u64> {
        (0..plan.trades())
            .map(|number| plan.due_us(number))
            .collect()
    }

    #[test]
    fn phases_follow_each_other_and_begin_again() {
        let plan = plan(&["2:1", "0:1", "4:1"], 1, 4);
        let ms: Vec<_> = dues(&plan).iter().map(|us| us / 1000).collect();
        let warm_up = [0, 500];
        let first = [1000, 1500];
        let after_the_pause = [3000, 3250, 3500, 3750];
        let again = [4000, 4500];
        assert_eq!(
            ms,
            [&warm_up[..], &first, &after_the_pause, &again].concat()
        );
    }

    #[test]
    fn a_long_run_does_not_drift() {
        let plan = plan(&["300k:1"], 5, 30);
        assert_eq!(plan.trades(), 35 * 300_000);
        assert_eq!(plan.due_us(30 * 300_000), 30_000_000);
        assert_eq!(plan.due_before(5_000_000), 5 * 300_000);
        assert_eq!(plan.due_before(99_000_000), plan.trades());
    }

    #[test]
    fn producers_share_the_schedule_and_nothing_else() {
        let whole = plan(&["1000:1", "700:1"], 0, 3);
        let mut shared: Vec<_> = (0..3).flat_map(|nth| dues(&whole.part(nth, 3))).collect();
        shared.sort_unstable();
        assert_eq!(shared, dues(&whole));
        assert_eq!(whole.part(0, 3).due_us(1), 3000);
    }

    #[test]
    fn phases_are_read_as_perftest_has_them() {
        let phase = |per_second, seconds| Phase {
            per_second,
            lasts: Duration::from_secs(seconds),
        };
        assert_eq!(Phase::read("100:60"), Ok(phase(100.0, 60)));
        assert_eq!(Phase::read("250k:1m"), Ok(phase(250_000.0, 60)));
        assert_eq!(Phase::read("0:5"), Ok(phase(0.0, 5)));
        for wrong in ["", "100", "100:", ":5", "-1:5", "100:0", "100:1ms", "x:5"] {
            assert!(Phase::read(wrong).is_err(), "{wrong}");
        }
    }
}
