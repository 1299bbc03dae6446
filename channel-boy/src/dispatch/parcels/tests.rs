//! Which claims go together, on a real ledger and a clock of its own.

use ledger::{Ledger, NewEntry, Outcome, Sqlite, State, Wanted};

use super::*;
use crate::{config, pace::Limits, sink::samples};

/// A channel with at most two letters a minute to one recipient.
async fn desk(orders: &[&str]) -> (tempfile::TempDir, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Sqlite::open(&folder.path().join("l"), 0).unwrap();
    let text = "[channel.test]\nsink = 'stdout'\nper_recipient_per_minute = 2";
    let file = std::path::Path::new("channels.toml");
    let mut channel = config::parse(file, text, "test").unwrap_or_else(|p| panic!("{p}"));
    channel.sink = Box::new(samples::Digests { ready: 0 });
    for order in orders {
        let alert = samples::alert(order);
        let entry = NewEntry {
            alert: alert.alert_id.to_string(),
            channel: "test".to_owned(),
            recipient: "ops".to_owned(),
            payload: alert.to_json(),
        };
        ledger.insert(vec![entry], 0).await.unwrap();
    }
    (folder, Desk::new(channel, std::sync::Arc::new(ledger)))
}

fn sizes(claimed: &Claimed) -> Vec<usize> {
    claimed
        .parcels
        .iter()
        .map(|p| p.contents().count())
        .collect()
}

#[tokio::test]
async fn what_waited_goes_as_one_digest() {
    let (_folder, desk) = desk(&["1", "2", "3", "4", "5"]).await;
    let mut pace = Pace::new(Limits {
        per_minute: Some(2),
        ..Limits::default()
    });
    let first = claim(&desk, &mut pace, 10).await.unwrap();
    assert_eq!(sizes(&first), [1, 1]);
    // A minute later, by the recipient's window alone.
    let mut pace = Pace::new(Limits {
        per_minute: Some(2),
        ..Limits::default()
    });
    let minute_ago = desk.now_ms() - 60_000;
    for _ in 0..3 {
        pace.turn("ops", minute_ago);
    }
    let entries = desk.ledger.list(ledger::Filter {
        limit: 10,
        ..Default::default()
    });
    let waiting = entries.await.unwrap();
    let waiting = waiting.iter().filter(|e| e.state == State::RetryAt).count();
    assert_eq!(waiting, 3);
    let due = desk
        .ledger
        .claim(
            Wanted {
                recipient: Some("ops".to_owned()),
                ..Wanted::of("test", 10, 1000)
            },
            i64::MAX / 2,
        )
        .await
        .unwrap();
    let tickets = due.iter().map(|claim| claim.ticket).collect();
    desk.ledger.release(tickets, None, 0).await.unwrap();
    let second = claim(&desk, &mut pace, 1).await.unwrap();
    assert_eq!(sizes(&second), [3]);
    assert!(second.parcels[0].digest.is_some());
}

/// With nothing to get ready there is no claim in between; as many as can go at once.
#[tokio::test]
async fn what_can_go_at_once_is_taken_at_once() {
    let (_folder, mut desk) = desk(&["1", "2", "3"]).await;
    desk.channel.limits = Limits::default();
    desk.channel.sink = Box::new(samples::Digests { ready: 2 });
    let mut pace = Pace::new(Limits::default());
    let taken = claim(&desk, &mut pace, 3).await.unwrap();
    assert_eq!(sizes(&taken), [1, 1]);
    assert!(taken.more && taken.parcels.iter().all(|parcel| parcel.is_begun));
    let standing = desk.ledger.sweep(i64::MAX).await.unwrap();
    assert_eq!((standing.returned, standing.in_doubt), (0, 2));

    // A limit by recipient may make an alert wait that was claimed.
    desk.channel.limits.per_minute = Some(2);
    let claimed = claim(&desk, &mut pace, 3).await.unwrap();
    assert_eq!(claimed.parcels.len(), 1);
    assert!(!claimed.parcels[0].is_begun);
}

/// A digest in doubt is sent again as the same digest, with the same members.
#[tokio::test]
async fn a_digest_is_sent_again_as_it_was() {
    let (_folder, desk) = desk(&["1", "2", "3"]).await;
    let now_ms = desk.now_ms();
    let claims = desk
        .ledger
        .claim(Wanted::of("test", 3, 1000), now_ms)
        .await
        .unwrap();
    let parcel = Parcel::digest(claims).unwrap();
    let id = parcel.digest.clone();
    let (tickets, lost) = (parcel.tickets(), Outcome::InDoubt("lost".to_owned()));
    let begun = desk
        .ledger
        .begin(tickets.clone(), id.clone(), 1000, now_ms)
        .await;
    assert_eq!(begun, Ok(vec![true; 3]));
    desk.ledger.record(tickets, lost, now_ms).await.unwrap();
    let doubts = desk.ledger.doubts("test", 0, 10).await.unwrap();
    let parcels = Parcel::of_doubts(doubts);
    assert_eq!(parcels.len(), 1);
    desk.ledger
        .resend(parcels[0].tickets(), now_ms, now_ms)
        .await
        .unwrap();

    let mut pace = Pace::new(Limits::default());
    let again = claim(&desk, &mut pace, 1).await.unwrap();
    assert_eq!(sizes(&again), [3]);
    assert_eq!(again.parcels[0].digest, id);
}
