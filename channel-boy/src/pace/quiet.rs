//! Quiet hours: a part of every day, at a fixed distance from UTC.

use std::str::FromStr;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// "22:00-07:00 +02:00": from the first time of day until before the second, on a clock that is
/// two hours ahead of UTC all year. Summer time is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// When it begins, in milliseconds after midnight UTC.
    begins_ms: i64,
    lasts_ms: i64,
}

impl FromStr for Quiet {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be two times of day and a distance from UTC, for example \
                     \"22:00-07:00 +02:00\" or \"18:30-08:00 Z\"";
        let (hours, offset) = text.trim().rsplit_once(' ').ok_or(wrong)?;
        let (from, to) = hours.trim().split_once('-').ok_or(wrong)?;
        let (from, to) = (time(from).ok_or(wrong)?, time(to).ok_or(wrong)?);
        if from == to {
            return Err("must not begin when it ends");
        }
        let offset = match offset.split_at_checked(1).ok_or(wrong)? {
            ("Z", "") => 0,
            ("+", ahead) => time(ahead).ok_or(wrong)?,
            ("-", behind) => -time(behind).ok_or(wrong)?,
            _ => return Err(wrong),
        };
        Ok(Self {
            begins_ms: (from - offset).rem_euclid(DAY_MS),
            lasts_ms: (to - from).rem_euclid(DAY_MS),
        })
    }
}

/// "HH:MM" in milliseconds after midnight.
fn time(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * MINUTE_MS)
}

impl Quiet {
    /// When it ends, if it is quiet now; both in milliseconds since the epoch.
    pub(crate) fn until(self, now_ms: i64) -> Option<i64> {
        let into_ms = (now_ms - self.begins_ms).rem_euclid(DAY_MS);
        (into_ms < self.lasts_ms).then(|| now_ms - into_ms + self.lasts_ms)
    }

    /// How much of the time from `from_ms` to `to_ms` is quiet, in milliseconds.
    pub(crate) fn within(self, from_ms: i64, to_ms: i64) -> i64 {
        self.since_epoch(to_ms) - self.since_epoch(from_ms)
    }

    fn since_epoch(self, now_ms: i64) -> i64 {
        let since_ms = now_ms - self.begins_ms;
        let (days, into_ms) = (since_ms.div_euclid(DAY_MS), since_ms.rem_euclid(DAY_MS));
        days * self.lasts_ms + into_ms.min(self.lasts_ms)
    }
}
