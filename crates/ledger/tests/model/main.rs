//! Random requests go through the ledger and through a slow, obvious model of it; every answer
//! and every entry must be the same, across restarts too. The same for every kind of ledger.

#![allow(clippy::unwrap_used, clippy::panic)]

mod home;
mod paper;
mod steps;

use std::sync::{Arc, Mutex};

use home::Home;
use ledger::{Claim, Decision, Entry, Filter, Ledger, NewEntry, Outcome, State, Ticket, Wanted};
use paper::{CHANNELS, Model, Paper};
use private_postgres::PrivatePostgres;
use proptest::{prelude::*, test_runner::TestRunner};
use steps::{Step, step};

struct Both {
    home: Home,
    ledger: Arc<dyn Ledger>,
    model: Model,
    tickets: Vec<(Ticket, Paper)>,
}

fn key(alert: u8, channel: usize, recipient: u8) -> (String, String, String) {
    (
        format!("alert-{alert}"),
        CHANNELS[channel].to_owned(),
        format!("recipient-{recipient}"),
    )
}

impl Both {
    fn ticket(&self, at: usize) -> Option<(Ticket, Paper)> {
        // The latest tickets are the interesting ones; older ones come up as stale.
        self.tickets.iter().rev().nth(at).cloned()
    }

    async fn apply(&mut self, step: Step) {
        let now_ms = self.model.now_ms;
        let ledger = Arc::clone(&self.ledger);
        match step {
            Step::Wait(ms) => self.model.now_ms += ms,
            Step::Insert {
                alert,
                channel,
                recipient,
                payload,
                dead,
            } => {
                let (alert, channel, recipient) = key(alert, channel, recipient);
                let entry = NewEntry {
                    alert,
                    channel,
                    recipient,
                    payload: vec![payload],
                };
                let expected = self.model.insert(&entry, dead);
                let got = match dead {
                    true => vec![
                        ledger
                            .insert_dead(entry, "dead".into(), now_ms)
                            .await
                            .unwrap(),
                    ],
                    false => ledger.insert(vec![entry], now_ms).await.unwrap(),
                };
                assert_eq!(got, [expected]);
                // Two lives of one key in one millisecond would look alike to the model.
                self.model.now_ms += 1;
            }
            Step::Claim {
                channel,
                recipient,
                limit,
                lease_ms,
                begins,
            } => {
                let channel = CHANNELS[channel];
                let recipient = recipient.map(|n| format!("recipient-{n}"));
                let wanted = Wanted {
                    recipient: recipient.clone(),
                    begins,
                    ..Wanted::of(channel, limit, lease_ms)
                };
                let claims = ledger.claim(wanted, now_ms).await;
                let expected =
                    self.model
                        .claim(channel, recipient.as_deref(), limit, lease_ms, begins);
                self.take(channel, claims.unwrap(), expected);
            }
            Step::Begin {
                ticket,
                more,
                digest,
                lease_ms,
            } => {
                let mut chosen: Vec<_> = self.tickets.iter().rev().skip(ticket).cloned().collect();
                chosen.truncate(more + 1);
                // A ticket begins once.
                self.tickets
                    .retain(|(t, p)| !p.begun || !chosen.iter().any(|(chosen, _)| chosen == t));
                let mut expected = Vec::new();
                let mut tickets = Vec::new();
                let digest = digest.map(|n| format!("digest-{n}"));
                for (ticket, paper) in chosen.into_iter().filter(|(_, p)| !p.begun) {
                    tickets.push(ticket);
                    expected.push(self.model.begin(&paper, digest.clone(), lease_ms));
                }
                for (ticket, paper) in &mut self.tickets {
                    paper.begun |= tickets.contains(ticket);
                }
                let got = ledger.begin(tickets, digest, lease_ms, now_ms).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Record {
                ticket,
                outcome,
                wait_ms,
            } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let note = "said".to_owned();
                let at_ms = now_ms + wait_ms;
                let outcome = match outcome {
                    0 => Outcome::Delivered(note),
                    1 => Outcome::Failed(note),
                    2 => Outcome::InDoubt(note),
                    _ => Outcome::RetryAt { at_ms, note },
                };
                let expected = self.model.record(&paper, &outcome);
                let got = ledger.record(vec![ticket], outcome, now_ms).await;
                assert_eq!(got, Ok(vec![expected]));
            }
            Step::Release { ticket, wait_ms } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let at_ms = wait_ms.map(|wait_ms| now_ms + wait_ms);
                let expected = self.model.release(&paper, at_ms);
                let got = ledger.release(vec![ticket], at_ms, now_ms).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Resend { ticket, wait_ms } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let at_ms = now_ms + wait_ms;
                let expected = self.model.resend(&paper, at_ms);
                let got = ledger.resend(vec![ticket], at_ms, now_ms).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Resolve {
                alert,
                channel,
                recipient,
                delivered,
            } => {
                let alert = format!("alert-{alert}");
                let channel = channel.map(|n| CHANNELS[n].to_owned());
                let recipient = recipient.map(|n| format!("recipient-{n}"));
                let decision = match delivered {
                    true => Decision::Delivered,
                    false => Decision::Resend,
                };
                let expected = self.model.resolve(&alert, &channel, &recipient, decision);
                let got = ledger.resolve(&alert, channel, recipient, decision, now_ms);
                assert_eq!(got.await, Ok(expected));
            }
            Step::Bury { channel } => {
                let channel = CHANNELS[channel];
                let dead = ledger.dead(channel, 100).await.unwrap();
                let got: Vec<Entry> = dead.iter().map(|dead| named(dead.entry.clone())).collect();
                assert_eq!(got, self.model.bury(channel));
                for dead in dead {
                    assert_eq!(ledger.buried(dead.grave).await, Ok(true));
                }
                assert_eq!(ledger.dead(channel, 100).await, Ok(Vec::new()));
            }
            Step::Reopen {
                alert,
                channel,
                recipient,
                burial,
            } => {
                let key = key(alert, channel, recipient);
                let expected = self.model.reopen(&key, burial);
                let got = ledger.reopen(&key.0, &key.1, &key.2, burial, now_ms);
                assert_eq!(got.await, Ok(expected));
            }
            Step::Forget {
                alert,
                channel,
                recipient,
            } => {
                let key = key(alert, channel, recipient);
                let expected = self.model.forget(&key);
                let got = ledger.forget(&key.0, &key.1, &key.2).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Sweep => {
                let expected = self.model.expire(false);
                assert_eq!(ledger.sweep(now_ms).await, Ok(expected));
            }
            Step::Prune { age_ms, limit } => {
                let expected = self.model.prune(now_ms - age_ms, limit);
                let got = ledger.prune(now_ms - age_ms, limit).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Restart => {
                self.ledger.close().await;
                let (ledger, swept) = self.home.open(now_ms).await;
                if let Some(swept) = swept {
                    assert_eq!(swept, self.model.expire(true));
                }
                self.ledger = ledger;
            }
        }
    }

    /// Compares what was claimed, and keeps the tickets.
    fn take(&mut self, channel: &str, claims: Vec<Claim>, mut expected: Vec<Paper>) {
        let fence = |claim: &Claim| {
            let of = |p: &&Paper| p.alert == claim.alert && p.recipient == claim.recipient;
            expected.iter().find(of).map_or(0, |p| p.fence)
        };
        let got: Vec<(Ticket, Paper)> = claims
            .into_iter()
            .map(|claim| {
                let paper = Paper {
                    fence: fence(&claim),
                    begun: expected.iter().any(|p| p.begun),
                    alert: claim.alert,
                    channel: channel.to_owned(),
                    recipient: claim.recipient,
                    created_ms: claim.created_ms,
                    attempts: claim.attempts,
                    digest: claim.digest,
                    payload: claim.payload,
                };
                (claim.ticket, paper)
            })
            .collect();
        expected.sort_by_key(|paper| paper.created_ms);
        let papers: Vec<Paper> = got.iter().map(|(_, p)| p.clone()).collect();
        assert_eq!(papers, expected);
        self.tickets.extend(got);
    }

    /// Every entry, every count, every due time.
    async fn compare(&self) {
        let mut all = Vec::new();
        for alert in ["alert-0", "alert-1", "alert-2"] {
            let expected = self.model.look(alert);
            let got = self.ledger.look(alert).await.unwrap();
            let got: Vec<Entry> = got.into_iter().map(named).collect();
            assert_eq!(got, expected);
            all.extend(expected);
        }
        assert_eq!(self.ledger.standing().await.unwrap(), self.model.standing());
        for channel in CHANNELS {
            let due = self.ledger.next_due(channel).await;
            assert_eq!(due, Ok(self.model.next_due(channel)));
            let since_ms = self.model.now_ms / 2;
            let doubts = self.ledger.doubts(channel, since_ms, 100).await.unwrap();
            let expected = self.model.doubts(channel, since_ms);
            let got: Vec<_> = doubts
                .into_iter()
                .map(|d| {
                    (
                        d.alert,
                        d.recipient,
                        d.attempts,
                        d.first_try_ms,
                        d.digest,
                        d.refused,
                    )
                })
                .collect();
            assert_eq!(got, expected);
        }
        self.compare_lists(&all).await;
    }

    async fn compare_lists(&self, all: &[Entry]) {
        for state in [
            None,
            Some(State::InDoubt),
            Some(State::Failed),
            Some(State::RetryAt),
        ] {
            let filter = Filter {
                channel: state.map(|_| CHANNELS[0].to_owned()),
                state,
                since_ms: state.map(|_| self.model.now_ms / 2),
                limit: 100,
            };
            let mut expected: Vec<Entry> = all
                .iter()
                .filter(|e| filter.channel.as_ref().is_none_or(|c| *c == e.channel))
                .filter(|e| state.is_none_or(|state| state == e.state))
                .filter(|e| {
                    filter
                        .since_ms
                        .is_none_or(|since_ms| e.updated_ms >= since_ms)
                })
                .cloned()
                .collect();
            let order = |e: &Entry| (e.alert.clone(), e.channel.clone(), e.recipient.clone());
            expected.sort_by_key(order);
            let got = self.ledger.list(filter).await.unwrap();
            assert!(got.is_sorted_by(|a, b| a.updated_ms >= b.updated_ms));
            let mut got: Vec<Entry> = got.into_iter().map(named).collect();
            got.sort_by_key(order);
            assert_eq!(got, expected);
        }
    }
}

/// The ledger's own words for what it did itself, in the model's one.
fn named(mut entry: Entry) -> Entry {
    if entry.note.contains("ended before") {
        entry.note = "ended".to_owned();
    }
    if entry.note.contains("a person says") {
        entry.note = "decided".to_owned();
    }
    entry
}

async fn live(home: Home, steps: Vec<Step>) {
    let (ledger, _) = home.open(0).await;
    let model = Model {
        now_ms: 1000,
        ..Model::default()
    };
    let mut both = Both {
        home,
        ledger,
        model,
        tickets: Vec::new(),
    };
    for step in steps {
        both.apply(step).await;
        both.compare().await;
    }
    both.ledger.close().await;
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A process that is being started holds the files of its parent, and their locks, for a moment.
static NOTHING_IS_STARTED: Mutex<()> = Mutex::new(());

#[test]
fn a_file_does_what_the_model_does() {
    let _alone = NOTHING_IS_STARTED.lock();
    let steps = prop::collection::vec(step(), 1..80);
    let run = |steps| {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::File(folder.path().join("ledger"));
        runtime().block_on(live(home, steps));
        Ok(())
    };
    TestRunner::new(config(256)).run(&steps, run).unwrap();
}

#[test]
fn a_server_does_what_the_model_does() {
    let _alone = NOTHING_IS_STARTED.lock();
    let postgres = PrivatePostgres::start().unwrap();
    let database = postgres.database("model").unwrap();
    let steps = prop::collection::vec(step(), 1..80);
    let run = |steps| {
        runtime().block_on(async {
            live(Home::emptied(&database.url()).await, steps).await;
        });
        Ok(())
    };
    TestRunner::new(config(64)).run(&steps, run).unwrap();
}
