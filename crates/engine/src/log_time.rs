//! The only clock that machines know.

/// How many marks of the past are kept; every other one goes when there are more.
const MAX_MARKS: usize = 64;

/// After this many messages in a row from clocks that are ahead there seems to be no other
/// publisher, and log time follows the reader's clock.
const ALONE: u32 = 1000;

/// Log time of a shard: the largest time that its messages carry.
///
/// A publisher whose clock is ahead must not end everybody's state. So a time beyond the
/// reader's clock and a small skew is not believed: such a message does not move log time while
/// others do, and moves it to the reader's clock when nobody else is there.
///
/// What is not believed now may be believed at a later reading. So the owner marks down now and
/// then what log time it had reached; the marks travel with the progress token, and a later
/// owner lets log time before a mark not pass that mark. It is then the same at each reading up
/// to the distance of two marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTime {
    now_us: i64,
    skew_us: i64,
    /// Messages in a row that were ahead.
    ahead: u32,
    /// Offset and the log time reached there, ascending.
    marks: Vec<(u64, i64)>,
}

/// What time it is at a message, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The log time: by it things end.
    pub log_us: i64,
    /// By it things begin: the log time, or later when the message comes from a clock that is
    /// ahead and the last one that is believed lies back. So nothing ends too early.
    pub begin_us: i64,
}

impl LogTime {
    /// Log time at the begin of a reading: `now_us` there, and the marks of former readings.
    #[must_use]
    pub fn new(now_us: i64, skew_us: i64, marks: Vec<(u64, i64)>) -> Self {
        LogTime {
            now_us,
            skew_us,
            ahead: 0,
            marks,
        }
    }

    /// The log time, in microseconds since the epoch; `i64::MIN` before the first message whose
    /// time is believed.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Takes note of a message at `offset` that carries `time_us` while the reader's clock shows
    /// `clock_us`. A message without a time counts as written just now.
    pub fn observe(&mut self, offset: u64, time_us: Option<i64>, clock_us: i64) -> Observed {
        let mut time_us = time_us.unwrap_or(clock_us);
        let written_us = time_us.min(clock_us);
        if time_us > clock_us.saturating_add(self.skew_us) {
            self.ahead = self.ahead.saturating_add(1);
            time_us = if self.ahead > ALONE {
                clock_us
            } else {
                self.now_us
            };
        } else {
            self.ahead = 0;
        }
        let next_mark = self.marks.partition_point(|(marked, _)| *marked < offset);
        if let Some((_, marked_us)) = self.marks.get(next_mark) {
            time_us = time_us.min(*marked_us);
        }
        self.now_us = self.now_us.max(time_us);
        Observed {
            log_us: self.now_us,
            begin_us: self.now_us.max(written_us),
        }
    }

    /// Marks down the log time reached at `offset`, and forgets marks before `oldest`.
    pub fn mark(&mut self, offset: u64, oldest: u64) {
        self.marks.retain(|(marked, _)| *marked >= oldest);
        if self.marks.last().is_none_or(|(marked, _)| *marked < offset) {
            self.marks.push((offset, self.now_us));
        }
        if self.marks.len() > MAX_MARKS {
            let last = self.marks.len() - 1;
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 0 || index == last + 1
            });
        }
    }

    /// The marks, ascending by offset.
    #[must_use]
    pub fn marks(&self) -> &[(u64, i64)] {
        &self.marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_us(time: &mut LogTime, offset: u64, time_us: Option<i64>, clock_us: i64) -> i64 {
        time.observe(offset, time_us, clock_us).log_us
    }

    #[test]
    fn it_is_the_largest_time_seen() {
        let mut time = LogTime::new(i64::MIN, 1000, Vec::new());
        assert_eq!(log_us(&mut time, 0, Some(10), 5000), 10);
        assert_eq!(log_us(&mut time, 1, Some(7), 5000), 10);
        assert_eq!(log_us(&mut time, 2, None, 5000), 5000);
    }

    #[test]
    fn a_publisher_ahead_is_not_believed_while_others_are_there() {
        let mut time = LogTime::new(i64::MIN, 1000, Vec::new());
        assert_eq!(log_us(&mut time, 0, Some(3_600_000_000), 5000), i64::MIN);
        assert_eq!(log_us(&mut time, 1, Some(5000), 5500), 5000);
        let ahead = time.observe(2, Some(3_600_000_000), 5500);
        assert_eq!(
            ahead,
            Observed {
                log_us: 5000,
                begin_us: 5500
            }
        );
        assert_eq!(log_us(&mut time, 3, Some(5400), 5500), 5400);
        assert_eq!(log_us(&mut time, 4, Some(6500), 5500), 6500);
    }

    #[test]
    fn a_publisher_ahead_that_is_alone_moves_it_by_the_readers_clock() {
        let mut time = LogTime::new(i64::MIN, 1000, Vec::new());
        let last = 2 * i64::from(ALONE);
        for now_us in 0..=last {
            let offset = now_us.unsigned_abs();
            let seen = log_us(&mut time, offset, Some(now_us + 3_600_000_000), now_us);
            assert_eq!(
                seen,
                if now_us < i64::from(ALONE) {
                    i64::MIN
                } else {
                    now_us
                }
            );
        }
    }

    #[test]
    fn a_later_reading_sees_what_the_first_one_saw() {
        let mut first = LogTime::new(i64::MIN, 1000, Vec::new());
        let mut seen = Vec::new();
        for offset in 0..50 {
            let clock_us = i64::try_from(offset).unwrap() * 100;
            let time_us = if offset % 10 == 3 {
                1_000_000
            } else {
                clock_us
            };
            seen.push((
                offset,
                time_us,
                log_us(&mut first, offset, Some(time_us), clock_us),
            ));
            first.mark(offset, 0);
        }
        let mut later = LogTime::new(i64::MIN, 1000, first.marks().to_vec());
        for (offset, time_us, seen) in seen {
            assert_eq!(log_us(&mut later, offset, Some(time_us), 10_000_000), seen);
        }
    }

    #[test]
    fn marks_are_bounded_and_keep_the_newest() {
        let mut time = LogTime::new(0, 0, Vec::new());
        for offset in 0..10_000 {
            let now_us = i64::try_from(offset).unwrap();
            log_us(&mut time, offset, Some(now_us), i64::MAX);
            time.mark(offset, 0);
            assert!(time.marks().len() <= MAX_MARKS);
            assert_eq!(time.marks().last(), Some(&(offset, now_us)));
        }
        time.mark(10_000, 9_999);
        assert!(time.marks().len() <= 2);
    }
}
