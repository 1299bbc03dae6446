//! A sink that answers as it is told, on a real ledger.

use std::{collections::VecDeque, sync::Mutex};

use futures::{FutureExt, future::BoxFuture};
use ledger::{Entry, NewEntry, Sqlite, State};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::now_ms,
    config::{Channel, Filter, OnInDoubt},
    doubts, pace,
    retry::Retry,
    sink::{Answer, Letter, Proof, Sink, Threshold, samples},
};

/// What the sink does next; when it has nothing left, it delivers.
enum Next {
    Say(Answer),
    HangBefore,
    HangAfter,
}

struct Told {
    next: Arc<Mutex<VecDeque<Next>>>,
    sent: Arc<Mutex<Vec<String>>>,
    longest: Duration,
}

impl Sink for Told {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        let next = self.next.lock().unwrap().pop_front();
        async move {
            if matches!(next, Some(Next::HangBefore)) {
                std::future::pending::<()>().await;
            }
            match threshold.begin().await {
                Ok(begun) => begun.cross(),
                Err(answer) => return answer,
            }
            let orders: Vec<_> = letter.alerts().map(|(a, _)| a.order_id.clone()).collect();
            self.sent.lock().unwrap().push(orders.join("+"));
            match next {
                Some(Next::Say(answer)) => answer,
                Some(_) => std::future::pending().await,
                None => Answer::Delivered("ok".to_owned()),
            }
        }
        .boxed()
    }

    fn longest_attempt(&self) -> Duration {
        self.longest
    }

    fn largest_digest(&self) -> usize {
        10
    }

    fn can_ask(&self) -> bool {
        true
    }

    /// The first question finds nothing, the second one a proof.
    fn ask<'a>(&'a self, letter: &'a Letter<'a>) -> BoxFuture<'a, Proof> {
        let mut sent = self.sent.lock().unwrap();
        let asked = sent.iter().filter(|what| what.starts_with("asked")).count();
        sent.push(format!("asked {}", letter.alert.order_id));
        let proof = match asked {
            0 => Proof::None("nothing".to_owned()),
            _ => Proof::Taken("number 7".to_owned()),
        };
        async move { proof }.boxed()
    }
}

struct Stage {
    _folder: TempDir,
    desk: Arc<Desk>,
    sent: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), ledger::Error>>,
}

const QUICK: Retry = Retry {
    first: Duration::from_millis(10),
    longest: Duration::from_millis(20),
    give_up_after: Duration::from_secs(3600),
};

impl Stage {
    /// A channel with one alert to deliver.
    async fn new(next: Vec<Next>, on_in_doubt: OnInDoubt, retry: Retry, longest: Duration) -> Self {
        let stage = Self::within(next, on_in_doubt, retry, longest, pace::Limits::default());
        stage.insert("1").await;
        stage
    }

    /// A channel with limits, and nothing to deliver yet.
    fn within(
        next: Vec<Next>,
        on_in_doubt: OnInDoubt,
        retry: Retry,
        longest: Duration,
        limits: pace::Limits,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = Sqlite::open(&folder.path().join("l"), now_ms()).unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let channel = Channel {
            name: "test".to_owned(),
            sink: Box::new(Told {
                next: Arc::new(Mutex::new(next.into())),
                sent: Arc::clone(&sent),
                longest,
            }),
            recipients: vec!["ops".to_owned()],
            filter: Filter::default(),
            concurrency: 2,
            on_in_doubt,
            retry,
            limits,
            ledger: None,
            backlog: 100,
        };
        let desk = Arc::new(Desk::new(channel, Arc::new(ledger)));
        let stop = CancellationToken::new();
        let limits = Limits {
            drain: Duration::from_millis(100),
            keep: Duration::from_secs(3600),
        };
        let (its_desk, its_stop) = (Arc::clone(&desk), stop.clone());
        let running = tokio::spawn(async move {
            let (dispatch, doubts) = tokio::join!(
                run(&its_desk, limits, &its_stop),
                doubts::run(&its_desk, &its_stop)
            );
            dispatch.and(doubts)
        });
        Self {
            _folder: folder,
            desk,
            sent,
            stop,
            running,
        }
    }

    async fn hold(next: Vec<Next>) -> Self {
        Self::new(next, OnInDoubt::Hold, QUICK, Duration::from_secs(60)).await
    }

    async fn insert(&self, order_id: &str) {
        let alert = samples::alert(order_id);
        let entry = NewEntry {
            alert: alert.alert_id.to_string(),
            channel: "test".to_owned(),
            recipient: "ops".to_owned(),
            payload: alert.to_json(),
        };
        self.desk
            .ledger
            .insert(vec![entry], now_ms())
            .await
            .unwrap();
        self.desk.opened(1);
    }

    async fn entry(&self) -> Entry {
        let alert = samples::alert("1").alert_id.to_string();
        self.desk.ledger.look(&alert).await.unwrap().remove(0)
    }

    /// Waits until the alert is in this state.
    async fn becomes(&self, state: State) -> Entry {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let entry = self.entry().await;
            if entry.state == state {
                return entry;
            }
            assert!(Instant::now() < deadline, "{entry:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Waits until an alert's only entry is in this state.
    async fn order_becomes(&self, order_id: &str, state: State) -> Entry {
        let alert = samples::alert(order_id).alert_id.to_string();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let entry = self.desk.ledger.look(&alert).await.unwrap().remove(0);
            if entry.state == state {
                return entry;
            }
            assert!(Instant::now() < deadline, "{entry:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

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

/// Two sweeps pass by an entry in doubt, and it is left alone.
#[tokio::test]
async fn hold_sends_what_is_in_doubt_only_once() {
    let stage = Stage::hold(vec![Next::Say(Answer::Unknown("lost".to_owned()))]).await;
    stage.becomes(State::InDoubt).await;
    let deadline = Instant::now() + TICK * 2;
    while Instant::now() < deadline {
        assert_eq!(stage.becomes(State::InDoubt).await.attempts, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
    let second = samples::alert("2").alert_id.to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while stage.desk.ledger.look(&second).await.unwrap()[0].state != State::Delivered {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
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
    let second = samples::alert("2").alert_id.to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !stage.desk.ledger.look(&second).await.unwrap().is_empty() {
        tidy(&stage.desk, keep, PRUNE_FROM_TICK).await.unwrap();
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stage.entry().await.state, State::InDoubt);
    stage.end().await;
}

/// The first attempt may have brought it: a refusal of the second says nothing of the first.
#[tokio::test]
async fn what_was_in_doubt_never_fails() {
    let answers = vec![
        Next::Say(Answer::Unknown("lost".to_owned())),
        Next::Say(Answer::Refused("never".to_owned())),
    ];
    let stage = Stage::new(answers, OnInDoubt::Resend, QUICK, Duration::from_secs(60)).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while stage.entry().await.attempts < 2 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let entry = stage.becomes(State::InDoubt).await;
    assert!(entry.doubted && entry.note == "never", "{entry:?}");
    // Two looks pass it by: it is left to a person.
    tokio::time::sleep(TICK * 2).await;
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
    let quiet = "00:00-23:59 Z".parse().ok();
    let limits = pace::Limits {
        quiet,
        ..pace::Limits::default()
    };
    let longest = Duration::from_secs(60);
    let stage = Stage::within(vec![], OnInDoubt::Hold, QUICK, longest, limits);
    stage.insert("1").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let is_minute_to_midnight = limits_are_over();
    assert!(is_minute_to_midnight || stage.sent() == 0);
    stage.end().await;
}

/// The last minute of the day is not quiet.
fn limits_are_over() -> bool {
    now_ms().rem_euclid(86_400_000) >= 86_339_000
}
