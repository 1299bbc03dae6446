//! What becomes of each answer of a sink.

use ledger::State;

use self::stage::{Next, QUICK, Stage, until};
use super::*;
use crate::{clock::now_ms, config::OnInDoubt, pace, retry::Retry, sink::Answer};

mod stage;

fn not_taken() -> Next {
    Next::Say(Answer::not_taken("later"))
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_until_it_is() {
    let stage = Stage::hold(vec![not_taken(), not_taken()]).await;
    let entry = stage.becomes(State::Delivered).await;
    assert_eq!((entry.attempts, stage.sent()), (3, 3));
    stage.end().await;
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again() {
    let stage = Stage::hold(vec![Next::Say(Answer::Refused("never".to_owned()))]).await;
    let entry = stage.becomes(State::Failed).await;
    stage.insert("2").await;
    assert_eq!((entry.attempts, entry.note.as_str()), (1, "never"));
    stage.end().await;
}

#[tokio::test]
async fn retries_end_at_the_deadline() {
    let retry = Retry {
        give_up_after: Duration::from_millis(5),
        ..QUICK
    };
    let answers = vec![not_taken(), not_taken()];
    let stage = Stage::new(answers, OnInDoubt::Hold, retry, Duration::from_secs(60)).await;
    let entry = stage.becomes(State::Failed).await;
    assert!(entry.note.contains("given up"), "{entry:?}");
    stage.end().await;
}

#[tokio::test]
async fn what_the_provider_asks_for_is_waited_for() {
    let asked = Answer::NotTaken {
        why: "later".to_owned(),
        after: Some(Duration::from_secs(600)),
    };
    let stage = Stage::hold(vec![Next::Say(asked)]).await;
    let entry = stage.becomes(State::RetryAt).await;
    assert!(entry.due_ms > now_ms() + 590_000, "{entry:?}");
    stage.end().await;
}

/// Sweeps pass by an entry in doubt, and it is left alone.
#[tokio::test]
async fn hold_sends_what_is_in_doubt_only_once() {
    let stage = Stage::hold(vec![Next::Say(Answer::Unknown("lost".to_owned()))]).await;
    stage.becomes(State::InDoubt).await;
    stage.ticks_twice().await;
    assert_eq!(stage.becomes(State::InDoubt).await.attempts, 1);
    assert_eq!(stage.sent(), 1);
    stage.end().await;
}

#[tokio::test]
async fn resend_sends_what_is_in_doubt_again() {
    let answers = vec![Next::Say(Answer::Unknown("lost".to_owned()))];
    let stage = Stage::new(answers, OnInDoubt::Resend, QUICK, Duration::from_secs(60)).await;
    let entry = stage.becomes(State::Delivered).await;
    assert_eq!((entry.attempts, stage.sent()), (2, 2));
    stage.end().await;
}

#[tokio::test]
async fn a_sink_that_never_answers_is_cut_off() {
    let longest = Duration::from_millis(50);
    let hang = vec![Next::HangAfter];
    let stage = Stage::new(hang, OnInDoubt::Hold, QUICK, longest).await;
    stage.becomes(State::InDoubt).await;
    stage.end().await;
    let hang = vec![Next::HangBefore];
    let stage = Stage::new(hang, OnInDoubt::Hold, QUICK, longest).await;
    assert_eq!(stage.becomes(State::Delivered).await.attempts, 2);
    stage.end().await;
}

/// At a stop, what has not crossed the threshold is due again and the rest is in doubt. What only
/// gets ready is no more than claimed: a crash would leave no doubt of it.
#[tokio::test]
async fn a_stop_cuts_off_what_takes_too_long() {
    for (hang, under_way, state) in [
        (Next::HangBefore, State::Claimed, State::RetryAt),
        (Next::HangAfter, State::Sending, State::InDoubt),
    ] {
        let stage = Stage::hold(vec![hang]).await;
        stage.becomes(under_way).await;
        stage.stop.cancel();
        stage.becomes(state).await;
        stage.end().await;
    }
}

#[tokio::test]
async fn a_slow_delivery_does_not_hold_up_the_next() {
    let stage = Stage::hold(vec![Next::HangAfter]).await;
    stage.becomes(State::Sending).await;
    stage.insert("2").await;
    stage.order_becomes("2", State::Delivered).await;
    stage.end().await;
}

/// What is finished goes once it is old enough; what is in doubt stays.
#[tokio::test]
async fn old_entries_are_deleted_unless_they_are_in_doubt() {
    let keep = Limits {
        drain: Duration::ZERO,
        keep: Duration::ZERO,
    };
    let stage = Stage::hold(vec![Next::Say(Answer::Unknown("lost".to_owned()))]).await;
    stage.becomes(State::InDoubt).await;
    stage.insert("2").await;
    until(async || {
        tidy(&stage.desk, keep, PRUNE_FROM_TICK).await.unwrap();
        stage.entry("2").await.is_none().then_some(())
    })
    .await;
    assert_eq!(stage.becomes(State::InDoubt).await.attempts, 1);
    stage.end().await;
}

/// The first attempt may have brought it: a refusal of the second says nothing of the first.
#[tokio::test]
async fn what_was_in_doubt_never_fails() {
    let answers = vec![
        Next::Say(Answer::Unknown("lost".to_owned())),
        Next::Say(Answer::Refused("never".to_owned())),
        Next::Say(Answer::Unknown("lost".to_owned())),
    ];
    let stage = Stage::new(answers, OnInDoubt::Resend, QUICK, Duration::from_secs(60)).await;
    until(async || (stage.entry("1").await?.attempts == 2).then_some(())).await;
    let entry = stage.becomes(State::InDoubt).await;
    assert!(entry.doubted && entry.note == "never", "{entry:?}");
    // The look that takes up another doubt passes it by: it is left to a person.
    stage.insert("2").await;
    assert_eq!(stage.order_becomes("2", State::Delivered).await.attempts, 2);
    assert_eq!(stage.becomes(State::InDoubt).await.attempts, 2);
    stage.end().await;
}

/// No sign proves nothing; a sign settles it, and nothing is sent again.
#[tokio::test]
async fn the_provider_is_asked_until_it_shows_it() {
    let answers = vec![Next::Say(Answer::Unknown("lost".to_owned()))];
    let stage = Stage::new(answers, OnInDoubt::Ask, QUICK, Duration::from_secs(60)).await;
    let entry = stage.becomes(State::Delivered).await;
    assert_eq!(
        (entry.attempts, entry.note.as_str()),
        (1, "asked: number 7")
    );
    assert_eq!(*stage.sent.lock().unwrap(), ["1", "asked 1", "asked 1"]);
    stage.end().await;
}

/// Retry-After beyond the deadline: failed at once, and the ledger says why.
#[tokio::test]
async fn a_provider_that_asks_for_too_much_is_given_up() {
    let asked = Answer::NotTaken {
        why: "later".to_owned(),
        after: Some(Duration::from_secs(7200)),
    };
    let stage = Stage::hold(vec![Next::Say(asked)]).await;
    let entry = stage.becomes(State::Failed).await;
    assert!(entry.note.contains("asks for 2h"), "{entry:?}");
    stage.end().await;
}

fn one_a_minute() -> pace::Limits {
    pace::Limits {
        per_minute: Some(1),
        ..pace::Limits::default()
    }
}

/// The first goes alone; what comes above the most a minute waits, and is lost by nobody.
#[tokio::test]
async fn what_is_above_the_most_a_minute_waits() {
    let longest = Duration::from_secs(60);
    let stage = Stage::within(vec![], OnInDoubt::Hold, QUICK, longest, one_a_minute());
    stage.insert("1").await;
    stage.order_becomes("1", State::Delivered).await;
    for order in ["2", "3", "4"] {
        stage.insert(order).await;
        let entry = stage.order_becomes(order, State::RetryAt).await;
        assert!(entry.due_ms > now_ms() + 30_000, "{entry:?}");
        assert_eq!(entry.attempts, 0);
    }
    assert_eq!(stage.sent(), 1);
    stage.end().await;
}

/// In quiet hours nothing goes out.
#[tokio::test]
async fn quiet_hours_are_quiet() {
    let limits = pace::Limits {
        quiet: around_now().parse().ok(),
        ..pace::Limits::default()
    };
    assert!(limits.quiet.is_some());
    let longest = Duration::from_secs(60);
    let stage = Stage::within(vec![], OnInDoubt::Hold, QUICK, longest, limits);
    stage.insert("1").await;
    stage.ticks_twice().await;
    assert_eq!(stage.becomes(State::Pending).await.attempts, 0);
    assert_eq!(stage.sent(), 0);
    stage.end().await;
}

/// From an hour ago until in an hour.
fn around_now() -> String {
    let minute = now_ms().div_euclid(60_000);
    let [from, to] = [minute - 60, minute + 60].map(|minute| {
        let of_day = minute.rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    });
    format!("{from}-{to} Z")
}
