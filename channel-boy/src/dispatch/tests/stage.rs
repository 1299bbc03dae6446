//! A channel at work, with a sink that answers as it is told and a real ledger.

use std::{collections::VecDeque, sync::Mutex};

use futures::{FutureExt, future::BoxFuture};
use ledger::{Entry, NewEntry, Sqlite, State};
use tempfile::TempDir;

use super::super::*;
use crate::{
    clock::now_ms,
    config::{Channel, Filter, OnInDoubt},
    doubts, pace,
    retry::Retry,
    sink::{Answer, Letter, Proof, Sink, Threshold, samples},
};

/// What the sink does next; when it has nothing left, it delivers.
pub(super) enum Next {
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

pub(super) struct Stage {
    _folder: TempDir,
    pub(super) desk: Arc<Desk>,
    pub(super) sent: Arc<Mutex<Vec<String>>>,
    pub(super) stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), ledger::Error>>,
}

pub(super) const QUICK: Retry = Retry {
    first: Duration::from_millis(10),
    longest: Duration::from_millis(20),
    give_up_after: Duration::from_secs(3600),
};

impl Stage {
    /// A channel with one alert to deliver.
    pub(super) async fn new(
        next: Vec<Next>,
        on_in_doubt: OnInDoubt,
        retry: Retry,
        longest: Duration,
    ) -> Self {
        let stage = Self::within(next, on_in_doubt, retry, longest, pace::Limits::default());
        stage.insert("1").await;
        stage
    }

    /// A channel with limits, and nothing to deliver yet.
    pub(super) fn within(
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

    pub(super) async fn hold(next: Vec<Next>) -> Self {
        Self::new(next, OnInDoubt::Hold, QUICK, Duration::from_secs(60)).await
    }

    pub(super) async fn insert(&self, order_id: &str) {
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

    /// The only entry of an alert, if it is there.
    pub(super) async fn entry(&self, order_id: &str) -> Option<Entry> {
        let alert = samples::alert(order_id).alert_id.to_string();
        self.desk.ledger.look(&alert).await.unwrap().pop()
    }

    /// Waits until the first alert is in this state.
    pub(super) async fn becomes(&self, state: State) -> Entry {
        self.order_becomes("1", state).await
    }

    /// Waits until an alert is in this state.
    pub(super) async fn order_becomes(&self, order_id: &str, state: State) -> Entry {
        until(async || {
            let entry = self.entry(order_id).await?;
            (entry.state == state).then_some(entry)
        })
        .await
    }

    /// Waits until the dispatch has been through two ticks, at least one of them a whole one: each
    /// counts what is open, and corrects what is claimed here.
    pub(super) async fn ticks_twice(&self) {
        for _ in 0..2 {
            self.desk.opened(1000);
            until(async || (self.desk.open() < 1000).then_some(())).await;
        }
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// Asks again and again until there is an answer; a test that passes never waits for long.
pub(super) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
