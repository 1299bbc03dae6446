//! Random requests go through the ledger and through a slow, obvious model of it; every answer
//! and every entry must be the same, across restarts too.

#![allow(clippy::unwrap_used)]

mod paper;

use std::path::PathBuf;

use ledger::{Doubt, Entry, Ledger, NewEntry, Outcome, State, Ticket};
use paper::{CHANNELS, Model, Paper};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Insert {
        alert: u8,
        channel: usize,
        recipient: u8,
        payload: u8,
    },
    Claim {
        channel: usize,
        limit: usize,
        lease_ms: i64,
    },
    Begin {
        ticket: usize,
        lease_ms: i64,
    },
    Record {
        ticket: usize,
        outcome: u8,
        wait_ms: i64,
    },
    Release {
        ticket: usize,
    },
    Resend {
        ticket: usize,
        wait_ms: i64,
    },
    Sweep,
    Prune {
        age_ms: i64,
        limit: usize,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0i64..40).prop_map(Step::Wait),
        5 => (0u8..3, 0usize..2, 0u8..2, 0u8..2).prop_map(|(alert, channel, recipient, payload)| {
            Step::Insert { alert, channel, recipient, payload }
        }),
        5 => (0usize..2, 0usize..4, 0i64..40)
            .prop_map(|(channel, limit, lease_ms)| Step::Claim { channel, limit, lease_ms }),
        6 => (0usize..6, 0i64..40).prop_map(|(ticket, lease_ms)| Step::Begin { ticket, lease_ms }),
        6 => (0usize..6, 0u8..4, 0i64..40)
            .prop_map(|(ticket, outcome, wait_ms)| Step::Record { ticket, outcome, wait_ms }),
        1 => (0usize..6).prop_map(|ticket| Step::Release { ticket }),
        2 => (0usize..6, 0i64..20).prop_map(|(ticket, wait_ms)| Step::Resend { ticket, wait_ms }),
        2 => Just(Step::Sweep),
        1 => (0i64..60, 0usize..3).prop_map(|(age_ms, limit)| Step::Prune { age_ms, limit }),
        1 => Just(Step::Restart),
    ]
}

struct Both {
    path: PathBuf,
    ledger: Ledger,
    model: Model,
    tickets: Vec<(Ticket, Paper)>,
}

impl Both {
    fn ticket(&self, at: usize) -> Option<(Ticket, Paper)> {
        // The latest tickets are the interesting ones; older ones come up as stale.
        self.tickets.iter().rev().nth(at).cloned()
    }

    async fn apply(&mut self, step: Step) {
        let now_ms = self.model.now_ms;
        match step {
            Step::Wait(ms) => self.model.now_ms += ms,
            Step::Insert {
                alert,
                channel,
                recipient,
                payload,
            } => {
                let entry = NewEntry {
                    alert: format!("alert-{alert}"),
                    channel: CHANNELS[channel].to_owned(),
                    recipient: format!("recipient-{recipient}"),
                    payload: vec![payload],
                };
                let expected = self.model.insert(&entry);
                let got = self.ledger.insert(vec![entry], now_ms).await.unwrap();
                assert_eq!(got, [expected]);
                // Two lives of one key in one millisecond would look alike to the model.
                self.model.now_ms += 1;
            }
            Step::Claim {
                channel,
                limit,
                lease_ms,
            } => {
                let channel = CHANNELS[channel];
                let mut expected = self.model.claim(channel, limit, lease_ms);
                let claims = self
                    .ledger
                    .claim(channel, limit, lease_ms, now_ms)
                    .await
                    .unwrap();
                let mut got: Vec<(Ticket, Paper)> = Vec::new();
                for claim in claims {
                    let fence = expected
                        .iter()
                        .find(|p| p.alert == claim.alert && p.recipient == claim.recipient)
                        .map_or(0, |p| p.fence);
                    got.push((
                        claim.ticket,
                        Paper {
                            alert: claim.alert,
                            channel: channel.to_owned(),
                            recipient: claim.recipient,
                            created_ms: claim.created_ms,
                            fence,
                            attempts: claim.attempts,
                            payload: claim.payload,
                        },
                    ));
                }
                expected.sort_by_key(|p| p.created_ms);
                let papers: Vec<Paper> = got.iter().map(|(_, p)| p.clone()).collect();
                assert_eq!(papers, expected);
                self.tickets.extend(got);
            }
            Step::Begin { ticket, lease_ms } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let expected = self.model.begin(&paper, lease_ms);
                assert_eq!(
                    self.ledger.begin(ticket, lease_ms, now_ms).await,
                    Ok(expected)
                );
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
                let outcome = match outcome {
                    0 => Outcome::Delivered(note),
                    1 => Outcome::Failed(note),
                    2 => Outcome::InDoubt(note),
                    _ => Outcome::RetryAt {
                        at_ms: now_ms + wait_ms,
                        note,
                    },
                };
                let expected = self.model.record(&paper, &outcome);
                assert_eq!(
                    self.ledger.record(ticket, outcome, now_ms).await,
                    Ok(expected)
                );
            }
            Step::Release { ticket } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let expected = self.model.release(&paper);
                assert_eq!(self.ledger.release(ticket, now_ms).await, Ok(expected));
            }
            Step::Resend { ticket, wait_ms } => {
                let Some((ticket, paper)) = self.ticket(ticket) else {
                    return;
                };
                let expected = self.model.resend(&paper, now_ms + wait_ms);
                let got = self.ledger.resend(ticket, now_ms + wait_ms, now_ms).await;
                assert_eq!(got, Ok(expected));
            }
            Step::Sweep => {
                let expected = self.model.expire(false);
                assert_eq!(self.ledger.sweep(now_ms).await, Ok(expected));
            }
            Step::Prune { age_ms, limit } => {
                let expected = self.model.prune(now_ms - age_ms, limit);
                assert_eq!(
                    self.ledger.prune(now_ms - age_ms, limit).await,
                    Ok(expected)
                );
            }
            Step::Restart => {
                self.ledger.close().await;
                let (ledger, swept) = Ledger::open(&self.path, now_ms).unwrap();
                assert_eq!(swept, self.model.expire(true));
                self.ledger = ledger;
            }
        }
    }

    /// Every entry, every count, every due time.
    async fn compare(&self) {
        for alert in ["alert-0", "alert-1", "alert-2"] {
            let mut expected: Vec<Entry> = self
                .model
                .lines
                .iter()
                .map(|line| line.entry.clone())
                .filter(|entry| entry.alert == alert)
                .collect();
            expected.sort_by(|a, b| (&a.channel, &a.recipient).cmp(&(&b.channel, &b.recipient)));
            let mut got = self.ledger.look(alert).await.unwrap();
            for entry in &mut got {
                if entry.note.contains("ended before") {
                    entry.note = "ended".to_owned();
                }
            }
            assert_eq!(got, expected);
        }
        assert_eq!(self.ledger.standing().await.unwrap(), self.model.standing());
        for channel in CHANNELS {
            let due = self
                .model
                .lines
                .iter()
                .map(|line| &line.entry)
                .filter(|e| e.channel == channel)
                .filter(|e| matches!(e.state, State::Pending | State::RetryAt))
                .map(|e| e.due_ms)
                .min();
            assert_eq!(self.ledger.next_due(channel).await, Ok(due));
            let since_ms = self.model.now_ms / 2;
            let doubts: Vec<Doubt> = self.ledger.doubts(channel, since_ms, 100).await.unwrap();
            let expected: Vec<(&String, &String, u32, i64)> = self
                .model
                .lines
                .iter()
                .filter(|l| l.entry.channel == channel && l.entry.state == State::InDoubt)
                .filter(|l| l.first_try_ms >= since_ms)
                .map(|l| {
                    (
                        &l.entry.alert,
                        &l.entry.recipient,
                        l.entry.attempts,
                        l.first_try_ms,
                    )
                })
                .collect();
            let got: Vec<_> = doubts
                .iter()
                .map(|d| (&d.alert, &d.recipient, d.attempts, d.first_try_ms))
                .collect();
            assert_eq!(got, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_ledger_does_what_its_model_does(steps in prop::collection::vec(step(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ledger, _) = Ledger::open(&path, 0).unwrap();
            let model = Model { now_ms: 1000, ..Model::default() };
            let mut both = Both { path, ledger, model, tickets: Vec::new() };
            for step in steps {
                both.apply(step).await;
                both.compare().await;
            }
            both.ledger.close().await;
        });
    }
}
