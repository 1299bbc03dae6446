//! Limits, and what they let through.

use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;

fn quiet(text: &str) -> Quiet {
    text.parse().unwrap_or_else(|words| panic!("{words}"))
}

#[test]
fn quiet_hours_go_by_their_own_distance_from_utc() {
    // 22:00 to 07:00 two hours ahead of UTC is 20:00 to 05:00 UTC.
    let night = quiet("22:00-07:00 +02:00");
    let at = |hours: i64| 100 * 24 * HOUR_MS + hours * HOUR_MS;
    assert_eq!(night.until(at(19)), None);
    assert_eq!(night.until(at(20)), Some(at(29)));
    assert_eq!(night.until(at(28)), Some(at(29)));
    assert_eq!(night.until(at(29)), None);
    assert_eq!(quiet("12:00-13:30 -05:30").until(at(17)), None);
    assert_eq!(quiet("12:00-13:30 -05:30").until(at(18)), Some(at(19)));
    assert_eq!(quiet("12:00-14:00 Z").within(at(0), at(48)), 4 * HOUR_MS);
    assert_eq!(night.within(at(19), at(21)), HOUR_MS);
}

#[test]
fn what_says_no_hours_is_refused() {
    for text in [
        "22:00-07:00",
        "22:00 +02:00",
        "22:00-22:00 Z",
        "24:00-07:00 Z",
        "9:00-10:00 Z",
        "22:00-07:00 02:00",
        "",
        "é",
        "22:00-07:00 é",
    ] {
        assert!(text.parse::<Quiet>().is_err(), "{text}");
    }
    for text in ["10", "0/s", "10/d", "-1/s", "x/s"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    let rate: Rate = "30/m".parse().unwrap();
    assert_eq!((rate.most, rate.period_ms), (30, 60_000));
}

fn pace(per_minute: usize) -> Pace {
    Pace::new(Limits {
        per_minute: Some(per_minute),
        ..Limits::default()
    })
}

#[test]
fn what_is_above_the_most_a_minute_goes_together_later() {
    let mut pace = pace(2);
    assert_eq!(pace.turn("a", 0), Turn::Alone);
    assert_eq!(pace.turn("a", 1000), Turn::Alone);
    assert_eq!(pace.turn("a", 2000), Turn::Wait(60_000));
    assert_eq!(pace.turn("b", 2000), Turn::Alone);
    assert_eq!(pace.turn("a", 60_000), Turn::Together);
    assert_eq!(pace.turn("a", 60_001), Turn::Wait(61_000));
    assert_eq!(pace.turn("a", 61_000), Turn::Together);
    assert_eq!(pace.turn("a", 130_000), Turn::Alone);
    pace.tidy(1_000_000);
    assert!(pace.recipients.is_empty());
}

proptest! {
    /// Whatever comes when, no recipient gets more than the most within any minute, and one for
    /// whom nothing is in the way gets theirs at once.
    #[test]
    fn nobody_gets_more_than_the_most(
        steps in prop::collection::vec((0i64..20_000, 0usize..2), 1..200),
        most in 1usize..5,
    ) {
        let mut pace = pace(most);
        let mut now_ms = 0;
        let mut sent: [Vec<i64>; 2] = Default::default();
        for (wait_ms, who) in steps {
            now_ms += wait_ms;
            let lately = sent[who].iter().filter(|at| now_ms - **at < MINUTE_MS).count();
            match pace.turn(["a", "b"][who], now_ms) {
                Turn::Wait(at_ms) => {
                    prop_assert_eq!(lately, most);
                    prop_assert!(at_ms > now_ms && at_ms <= now_ms + MINUTE_MS);
                }
                _ => {
                    prop_assert!(lately < most);
                    sent[who].push(now_ms);
                }
            }
        }
    }

    #[test]
    fn quiet_time_is_what_its_moments_add_up_to(
        from in 0i64..2000, length in 0i64..3000, begins in 0i64..1440, lasts in 1i64..1440,
    ) {
        let minute = |n: i64| format!("{:02}:{:02}", n / 60 % 24, n % 60);
        let night = quiet(&format!("{}-{} Z", minute(begins), minute(begins + lasts)));
        let counted = (from..from + length)
            .filter(|minute| night.until(minute * MINUTE_MS).is_some())
            .count();
        let told = night.within(from * MINUTE_MS, (from + length) * MINUTE_MS);
        prop_assert_eq!(told, i64::try_from(counted).unwrap() * MINUTE_MS);
    }
}
