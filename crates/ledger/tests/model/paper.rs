//! The ledger as a person would keep it on paper: one list, searched from the top.

use ledger::{Entry, Inserted, NewEntry, Outcome, Recorded, Standing, State, Swept};

pub(crate) const CHANNELS: [&str; 2] = ["mail", "hook"];

/// One entry, as a person would keep it on paper.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) entry: Entry,
    pub(crate) payload: Vec<u8>,
    pub(crate) fence: u64,
    pub(crate) first_try_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) lines: Vec<Line>,
    pub(crate) now_ms: i64,
}

impl Model {
    pub(crate) fn insert(&mut self, new: &NewEntry) -> Inserted {
        let now_ms = self.now_ms;
        for line in &mut self.lines {
            let entry = &mut line.entry;
            if (&entry.alert, &entry.channel, &entry.recipient)
                == (&new.alert, &new.channel, &new.recipient)
            {
                if line.payload == new.payload {
                    return Inserted::Known(entry.state);
                }
                entry.conflicts += 1;
                return Inserted::Conflict(entry.state);
            }
        }
        self.lines.push(Line {
            entry: Entry {
                alert: new.alert.clone(),
                channel: new.channel.clone(),
                recipient: new.recipient.clone(),
                state: State::Pending,
                attempts: 0,
                conflicts: 0,
                due_ms: now_ms,
                created_ms: now_ms,
                updated_ms: now_ms,
                note: String::new(),
            },
            payload: new.payload.clone(),
            fence: 0,
            first_try_ms: 0,
        });
        Inserted::New
    }

    /// Where the entry of a ticket stands, if the ticket is its last one.
    pub(crate) fn find(&mut self, ticket: &Paper) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| {
            (
                &line.entry.alert,
                &line.entry.channel,
                &line.entry.recipient,
            ) == ticket.key()
                && line.entry.created_ms == ticket.created_ms
                && line.fence == ticket.fence
        })
    }

    pub(crate) fn claim(&mut self, channel: &str, limit: usize, lease_ms: i64) -> Vec<Paper> {
        let mut taken = Vec::new();
        while taken.len() < limit {
            let now_ms = self.now_ms;
            let next = self
                .lines
                .iter_mut()
                .filter(|line| {
                    line.entry.channel == channel
                        && matches!(line.entry.state, State::Pending | State::RetryAt)
                        && line.entry.due_ms <= now_ms
                })
                .min_by_key(|line| line.entry.due_ms);
            let Some(line) = next else { break };
            line.fence += 1;
            line.entry.state = State::Claimed;
            line.entry.due_ms = now_ms + lease_ms;
            line.entry.updated_ms = now_ms;
            taken.push(Paper::of(line));
        }
        taken
    }

    pub(crate) fn begin(&mut self, ticket: &Paper, lease_ms: i64) -> bool {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some(line) if line.entry.state == State::Claimed && line.entry.due_ms > now_ms => {
                if line.entry.attempts == 0 {
                    line.first_try_ms = now_ms;
                }
                line.entry.attempts += 1;
                line.entry.state = State::Sending;
                line.entry.due_ms = now_ms + lease_ms;
                line.entry.updated_ms = now_ms;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn record(&mut self, ticket: &Paper, outcome: &Outcome) -> Recorded {
        let now_ms = self.now_ms;
        let Some(line) = self.find(ticket) else {
            return Recorded::Stale;
        };
        let entry = &mut line.entry;
        let in_time = entry.state == State::Sending && entry.due_ms > now_ms;
        if !matches!(entry.state, State::Sending | State::InDoubt) {
            return Recorded::Stale;
        }
        entry.due_ms = now_ms;
        entry.updated_ms = now_ms;
        entry.state = match outcome {
            Outcome::Delivered(_) => State::Delivered,
            Outcome::Failed(_) => State::Failed,
            Outcome::InDoubt(_) => State::InDoubt,
            Outcome::RetryAt { at_ms, .. } if in_time => {
                entry.due_ms = *at_ms;
                State::RetryAt
            }
            Outcome::RetryAt { .. } => State::InDoubt,
        };
        entry.note = "said".to_owned();
        Recorded::Now(entry.state)
    }

    pub(crate) fn release(&mut self, ticket: &Paper) -> bool {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some(line) if line.entry.state == State::Claimed => {
                line.entry.state = State::Pending;
                line.entry.due_ms = now_ms;
                line.entry.updated_ms = now_ms;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn resend(&mut self, ticket: &Paper, at_ms: i64) -> bool {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some(line) if line.entry.state == State::InDoubt => {
                line.entry.state = State::RetryAt;
                line.entry.due_ms = at_ms;
                line.entry.updated_ms = now_ms;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn expire(&mut self, everything: bool) -> Swept {
        let mut swept = Swept::default();
        let now_ms = self.now_ms;
        for line in &mut self.lines {
            let entry = &mut line.entry;
            if !everything && entry.due_ms > now_ms {
                continue;
            }
            match entry.state {
                State::Claimed => {
                    entry.state = State::Pending;
                    swept.returned += 1;
                }
                State::Sending => {
                    entry.state = State::InDoubt;
                    entry.note = "ended".to_owned();
                    swept.in_doubt += 1;
                }
                _ => continue,
            }
            entry.due_ms = now_ms;
            entry.updated_ms = now_ms;
        }
        swept
    }

    pub(crate) fn prune(&mut self, before_ms: i64, limit: usize) -> u64 {
        let mut deleted = 0;
        while deleted < limit as u64 {
            let oldest = self
                .lines
                .iter()
                .enumerate()
                .filter(|(_, line)| {
                    matches!(line.entry.state, State::Delivered | State::Failed)
                        && line.entry.updated_ms < before_ms
                })
                .min_by_key(|(_, line)| line.entry.updated_ms)
                .map(|(at, _)| at);
            let Some(at) = oldest else { break };
            self.lines.remove(at);
            deleted += 1;
        }
        deleted
    }

    pub(crate) fn count(&self, channel: &str, states: &[State]) -> u64 {
        self.lines
            .iter()
            .filter(|l| l.entry.channel == channel && states.contains(&l.entry.state))
            .count() as u64
    }

    pub(crate) fn standing(&self) -> Vec<Standing> {
        use State::{Claimed, InDoubt, Pending, RetryAt, Sending};
        let mut all: Vec<Standing> = CHANNELS
            .iter()
            .map(|channel| Standing {
                channel: (*channel).to_owned(),
                open: self.count(channel, &[Pending, Claimed, Sending, RetryAt]),
                in_doubt: self.count(channel, &[InDoubt]),
            })
            .filter(|standing| standing.open + standing.in_doubt > 0)
            .collect();
        all.sort_by(|a, b| a.channel.cmp(&b.channel));
        all
    }
}

/// A ticket, with what the model knows it by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Paper {
    pub(crate) alert: String,
    pub(crate) channel: String,
    pub(crate) recipient: String,
    pub(crate) created_ms: i64,
    pub(crate) fence: u64,
    pub(crate) attempts: u32,
    pub(crate) payload: Vec<u8>,
}

impl Paper {
    pub(crate) fn of(line: &Line) -> Self {
        Self {
            alert: line.entry.alert.clone(),
            channel: line.entry.channel.clone(),
            recipient: line.entry.recipient.clone(),
            created_ms: line.entry.created_ms,
            fence: line.fence,
            attempts: line.entry.attempts,
            payload: line.payload.clone(),
        }
    }

    pub(crate) fn key(&self) -> (&String, &String, &String) {
        (&self.alert, &self.channel, &self.recipient)
    }
}
