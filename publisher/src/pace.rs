//! When each trade is due.

use crate::bench::plan::Plan;

/// The schedule of a run: open-loop, fixed before the first trade is sent. Nothing is sent
/// before it is due, and no delay moves what is due later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pace {
    /// Everything at once: as fast as it is taken.
    Max,
    /// Evenly, `per_second` trades a second, in groups of `group` trades that are due together.
    Even { per_second: f64, group: u64 },
    /// As recorded, this many times as fast.
    Recorded { multiple: f64 },
    /// As planned, phase by phase.
    Planned(Plan),
}

/// Says when trades are due, in microseconds since the start.
#[derive(Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    given: u64,
    /// Of the recording: its first time, and when the latest trade so far was due.
    first_us: Option<i64>,
    latest_due_us: u64,
}

impl Schedule {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            given: 0,
            first_us: None,
            latest_due_us: 0,
        }
    }

    /// Since when a trade that was due at `due_us` and is given at `now_us` waits. Trades
    /// are taken in groups; a linger that began only then would be as much too long.
    pub(crate) fn since_us(&self, due_us: u64, now_us: u64) -> u64 {
        match self.pace {
            Pace::Max => now_us,
            _ => due_us.min(now_us),
        }
    }

    /// When the next trade is due. `recorded_us` is the time that it carries; one without a
    /// time, or with one from before its predecessor's, is due together with its predecessor.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    pub(crate) fn next_due_us(&mut self, recorded_us: Option<i64>) -> u64 {
        match &self.pace {
            Pace::Max => {}
            &Pace::Even { per_second, group } => {
                let before = self.given - self.given % group;
                self.latest_due_us = (before as f64 * 1e6 / per_second) as u64;
            }
            &Pace::Recorded { multiple } => {
                if let Some(time_us) = recorded_us {
                    let first_us = *self.first_us.get_or_insert(time_us);
                    let passed_us = time_us.saturating_sub(first_us).max(0) as f64 / multiple;
                    self.latest_due_us = self.latest_due_us.max(passed_us as u64);
                }
            }
            Pace::Planned(plan) => self.latest_due_us = plan.due_us(self.given),
        }
        self.given += 1;
        self.latest_due_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(pace: Pace, times: &[Option<i64>]) -> Vec<u64> {
        let mut schedule = Schedule::new(pace);
        times
            .iter()
            .map(|time| schedule.next_due_us(*time))
            .collect()
    }

    #[test]
    fn a_rate_spaces_evenly_and_does_not_drift() {
        let rate = |per_second| Pace::Even {
            per_second,
            group: 1,
        };
        assert_eq!(dues(rate(1000.0), &[None; 4]), [0, 1000, 2000, 3000]);
        assert_eq!(
            dues(rate(3.0), &[None; 4]),
            [0, 333_333, 666_666, 1_000_000]
        );
        let mut schedule = Schedule::new(rate(300_000.0));
        let due = (0..=30_000_000).map(|_| schedule.next_due_us(None)).last();
        assert_eq!(due, Some(100_000_000));
    }

    #[test]
    fn the_scripts_pace_is_an_order_a_second() {
        let script = Pace::Even {
            per_second: 5.0,
            group: 5,
        };
        let expected: Vec<_> = (0..12).map(|trade| trade / 5 * 1_000_000).collect();
        assert_eq!(dues(script, &[None; 12]), expected);
    }

    #[test]
    fn a_trade_waits_from_when_it_was_due() {
        let rate = Schedule::new(Pace::Even {
            per_second: 1000.0,
            group: 1,
        });
        assert_eq!(rate.since_us(3000, 4700), 3000);
        // Not yet due: its time is written into it instead of being waited for.
        assert_eq!(rate.since_us(9000, 4700), 4700);
        assert_eq!(Schedule::new(Pace::Max).since_us(0, 4700), 4700);
    }

    #[test]
    fn recorded_times_keep_their_spacing() {
        let recorded = Pace::Recorded { multiple: 10.0 };
        let times = [None, Some(5000), Some(5100), Some(5050), None, Some(6000)];
        assert_eq!(dues(recorded, &times), [0, 0, 10, 10, 10, 100]);
    }

    #[test]
    fn without_a_pace_everything_is_due() {
        assert_eq!(dues(Pace::Max, &[Some(7), None]), [0, 0]);
    }
}
