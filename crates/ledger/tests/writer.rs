//! The thread behind the ledger: groups, order, ends.

use ledger::{
    Error, Inserted, Ledger, NewEntry, OpenError, Outcome, Recorded, Sqlite, State, Wanted,
};

fn entry(alert: usize) -> NewEntry {
    NewEntry {
        alert: alert.to_string(),
        channel: "mail".to_owned(),
        recipient: "desk@example.com".to_owned(),
        payload: b"{}".to_vec(),
    }
}

#[tokio::test]
async fn many_requests_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Sqlite::open(&folder.path().join("l"), 0).unwrap();
    let mut inserts = tokio::task::JoinSet::new();
    for i in 0..500 {
        let ledger = ledger.clone();
        inserts.spawn(async move { ledger.insert(vec![entry(i)], 0).await });
    }
    while let Some(inserted) = inserts.join_next().await {
        assert_eq!(inserted.unwrap().unwrap(), [Inserted::New]);
    }
    assert!(ledger.commits() < 250, "{} commits", ledger.commits());
    assert_eq!(ledger.standing().await.unwrap()[0].open, 500);
}

#[tokio::test]
async fn closing_carries_out_what_was_asked_and_lets_go_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let (ledger, _) = Sqlite::open(&path, 0).unwrap();
    assert!(matches!(
        Sqlite::open(&path, 0),
        Err(OpenError::InUse { .. })
    ));
    let (inserted, ()) = tokio::join!(ledger.insert(vec![entry(1)], 0), ledger.close());
    assert_eq!(inserted, Ok(vec![Inserted::New]));
    assert_eq!(ledger.insert(vec![entry(2)], 0).await, Err(Error::Closed));

    let (again, _) = Sqlite::open(&path, 0).unwrap();
    assert_eq!(again.look("1").await.unwrap().len(), 1);
}

/// The lease stops a worker that slept through it, at every step.
#[tokio::test]
async fn a_worker_that_wakes_up_late_sends_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Sqlite::open(&folder.path().join("l"), 0).unwrap();
    ledger.insert(vec![entry(1)], 0).await.unwrap();

    let claims = ledger.claim(Wanted::of("mail", 1, 10), 0).await.unwrap();
    let sleeper = claims[0].ticket;
    assert_eq!(
        ledger.begin(vec![sleeper], None, 10, 10).await,
        Ok(vec![false]),
        "lease over"
    );
    ledger.sweep(10).await.unwrap();
    let other = ledger.claim(Wanted::of("mail", 1, 10), 10).await.unwrap()[0].ticket;
    assert_eq!(
        ledger.begin(vec![sleeper], None, 10, 11).await,
        Ok(vec![false]),
        "stale"
    );

    assert_eq!(
        ledger.begin(vec![other], None, 10, 11).await,
        Ok(vec![true])
    );
    let retry = |at_ms| Outcome::RetryAt {
        at_ms,
        note: String::new(),
    };
    let stale = ledger.record(vec![sleeper], retry(20), 12).await;
    assert_eq!(stale, Ok(vec![Recorded::Stale]));
    assert_eq!(ledger.sweep(21).await.unwrap().in_doubt, 1);
    let late = ledger.record(vec![other], retry(30), 22).await;
    assert_eq!(late, Ok(vec![Recorded::Now(State::InDoubt)]));
    assert!(
        ledger
            .claim(Wanted::of("mail", 9, 10), 1_000_000)
            .await
            .unwrap()
            .is_empty()
    );
    let settled = ledger
        .record(vec![other], Outcome::Delivered(String::new()), 23)
        .await;
    assert_eq!(settled, Ok(vec![Recorded::Now(State::Delivered)]));
}
