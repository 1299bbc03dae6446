//! The ledger as a person would keep it on paper: one list, searched from the top.

use ledger::{Decision, Entry, Inserted, NewEntry, Outcome, Recorded, Standing, State, Swept};

pub(crate) const CHANNELS: [&str; 2] = ["mail", "hook"];

/// One entry, as a person would keep it on paper.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) entry: Entry,
    pub(crate) payload: Vec<u8>,
    pub(crate) fence: u64,
    pub(crate) refused: bool,
    pub(crate) burials: u32,
    pub(crate) unburied: bool,
}

type Key = (String, String, String);
/// What is compared of a doubt.
pub(crate) type Doubtful = (String, String, u32, i64, Option<String>, bool);

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) lines: Vec<Line>,
    pub(crate) now_ms: i64,
}

impl Model {
    pub(crate) fn insert(&mut self, new: &NewEntry, dead: bool) -> Inserted {
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
                state: if dead { State::Failed } else { State::Pending },
                attempts: 0,
                conflicts: 0,
                doubted: false,
                digest: None,
                due_ms: now_ms,
                created_ms: now_ms,
                updated_ms: now_ms,
                first_try_ms: None,
                note: if dead { "dead".into() } else { String::new() },
            },
            payload: new.payload.clone(),
            fence: 0,
            refused: false,
            burials: u32::from(dead),
            unburied: dead,
        });
        Inserted::New
    }

    /// The entry of a ticket, and whether the ticket is its last one.
    fn find(&mut self, ticket: &Paper) -> Option<(&mut Line, bool)> {
        self.lines
            .iter_mut()
            .find(|line| {
                let entry = &line.entry;
                (&entry.alert, &entry.channel, &entry.recipient) == ticket.key()
                    && entry.created_ms == ticket.created_ms
            })
            .map(|line| {
                let last = line.fence == ticket.fence;
                (line, last)
            })
    }

    pub(crate) fn claim(
        &mut self,
        channel: &str,
        recipient: Option<&str>,
        limit: usize,
        lease_ms: i64,
        begins: bool,
    ) -> Vec<Paper> {
        let now_ms = self.now_ms;
        let mut taken: Vec<usize> = Vec::new();
        let is_open = |line: &Line| {
            line.entry.channel == channel
                && matches!(line.entry.state, State::Pending | State::RetryAt)
        };
        while taken.len() < limit {
            let next = (0..self.lines.len())
                .filter(|at| !taken.contains(at))
                .filter(|at| is_open(&self.lines[*at]))
                .filter(|at| self.lines[*at].entry.due_ms <= now_ms)
                .filter(|at| {
                    let name = &self.lines[*at].entry.recipient;
                    recipient.is_none_or(|recipient| recipient == name)
                })
                .min_by_key(|at| self.lines[*at].entry.due_ms);
            let Some(at) = next else { break };
            taken.push(at);
        }
        // With the first member of a digest come the others.
        for at in 0..self.lines.len() {
            let entry = &self.lines[at].entry;
            let together = |other: &usize| {
                entry.digest.is_some() && entry.digest == self.lines[*other].entry.digest
            };
            if is_open(&self.lines[at])
                && entry.state == State::RetryAt
                && !taken.contains(&at)
                && taken.iter().any(together)
            {
                taken.push(at);
            }
        }
        taken.sort_unstable();
        let mut papers = Vec::new();
        for at in taken {
            let line = &mut self.lines[at];
            line.fence += 1;
            line.entry.state = State::Claimed;
            line.entry.due_ms = now_ms + lease_ms;
            line.entry.updated_ms = now_ms;
            papers.push(Paper {
                begun: begins,
                ..Paper::of(line)
            });
            if begins {
                line.entry.state = State::Sending;
                line.entry.attempts += 1;
                line.entry.first_try_ms.get_or_insert(now_ms);
            }
        }
        papers
    }

    pub(crate) fn begin(&mut self, ticket: &Paper, digest: Option<String>, lease_ms: i64) -> bool {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some((Line { entry, .. }, true))
                if entry.state == State::Claimed && entry.due_ms > now_ms =>
            {
                entry.first_try_ms.get_or_insert(now_ms);
                entry.attempts += 1;
                entry.state = State::Sending;
                entry.due_ms = now_ms + lease_ms;
                entry.updated_ms = now_ms;
                entry.digest = digest;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn record(&mut self, ticket: &Paper, outcome: &Outcome) -> Recorded {
        let now_ms = self.now_ms;
        let Some((line, last)) = self.find(ticket) else {
            return Recorded::Stale;
        };
        let entry = &mut line.entry;
        let own = last && matches!(entry.state, State::Sending | State::InDoubt);
        let is_delivered = matches!(outcome, Outcome::Delivered(_));
        if !own && (last || !is_delivered || entry.state == State::Delivered || entry.attempts == 0)
        {
            return Recorded::Stale;
        }
        let in_time = entry.state == State::Sending && entry.due_ms > now_ms;
        entry.due_ms = now_ms;
        entry.updated_ms = now_ms;
        line.refused = matches!(outcome, Outcome::Failed(_)) && entry.doubted;
        line.unburied = false;
        entry.state = match outcome {
            Outcome::Delivered(_) => State::Delivered,
            Outcome::Failed(_) if entry.doubted => State::InDoubt,
            Outcome::Failed(_) => {
                line.burials += 1;
                line.unburied = true;
                State::Failed
            }
            Outcome::InDoubt(_) => State::InDoubt,
            Outcome::RetryAt { at_ms, .. } if in_time => {
                entry.due_ms = *at_ms;
                if !entry.doubted {
                    entry.digest = None;
                }
                State::RetryAt
            }
            Outcome::RetryAt { .. } => State::InDoubt,
        };
        entry.note = "said".to_owned();
        Recorded::Now(entry.state)
    }

    pub(crate) fn release(&mut self, ticket: &Paper, at_ms: Option<i64>) -> u64 {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some((line, true)) if line.entry.state == State::Claimed => {
                line.entry.state = at_ms.map_or(State::Pending, |_| State::RetryAt);
                line.entry.due_ms = at_ms.unwrap_or(now_ms);
                line.entry.updated_ms = now_ms;
                1
            }
            _ => 0,
        }
    }

    pub(crate) fn resend(&mut self, ticket: &Paper, at_ms: i64) -> u64 {
        let now_ms = self.now_ms;
        match self.find(ticket) {
            Some((line, true)) if line.entry.state == State::InDoubt => {
                line.entry.state = State::RetryAt;
                line.entry.doubted = true;
                line.entry.due_ms = at_ms;
                line.entry.updated_ms = now_ms;
                1
            }
            _ => 0,
        }
    }

    pub(crate) fn resolve(
        &mut self,
        alert: &str,
        channel: &Option<String>,
        recipient: &Option<String>,
        decision: Decision,
    ) -> u64 {
        let now_ms = self.now_ms;
        let mut resolved = 0;
        for Line { entry, .. } in &mut self.lines {
            if entry.alert != alert
                || channel.as_ref().is_some_and(|c| *c != entry.channel)
                || recipient.as_ref().is_some_and(|r| *r != entry.recipient)
                || entry.state != State::InDoubt
            {
                continue;
            }
            resolved += 1;
            (entry.due_ms, entry.updated_ms) = (now_ms, now_ms);
            entry.note = "decided".to_owned();
            entry.state = State::Delivered;
            if decision == Decision::Resend {
                entry.state = State::RetryAt;
                entry.doubted = true;
                (entry.first_try_ms, entry.digest) = (None, None);
            }
        }
        resolved
    }

    /// What is still to be published of a channel; it is, from now on.
    pub(crate) fn bury(&mut self, channel: &str) -> Vec<Entry> {
        let mut dead = Vec::new();
        for line in &mut self.lines {
            if line.unburied && line.entry.channel == channel {
                line.unburied = false;
                dead.push(line.entry.clone());
            }
        }
        dead
    }

    fn of(&mut self, key: &Key) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| {
            let entry = &line.entry;
            (&entry.alert, &entry.channel, &entry.recipient) == (&key.0, &key.1, &key.2)
        })
    }

    pub(crate) fn reopen(&mut self, key: &Key, burial: u32) -> Option<bool> {
        let now_ms = self.now_ms;
        let line = self.of(key)?;
        if line.entry.state != State::Failed || line.burials != burial {
            return Some(false);
        }
        line.entry.state = State::Pending;
        (line.entry.due_ms, line.entry.updated_ms) = (now_ms, now_ms);
        (line.entry.first_try_ms, line.entry.digest) = (None, None);
        line.unburied = false;
        line.fence += 1;
        Some(true)
    }

    pub(crate) fn forget(&mut self, key: &Key) -> bool {
        let dead = |line: &mut Line| line.entry.state == State::Failed && line.entry.attempts == 0;
        if !self.of(key).is_some_and(dead) {
            return false;
        }
        self.lines.retain(|line| {
            let entry = &line.entry;
            (&entry.alert, &entry.channel, &entry.recipient) != (&key.0, &key.1, &key.2)
        });
        true
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
                        && !line.unburied
                })
                .min_by_key(|(_, line)| line.entry.updated_ms)
                .map(|(at, _)| at);
            let Some(at) = oldest else { break };
            self.lines.remove(at);
            deleted += 1;
        }
        deleted
    }

    pub(crate) fn look(&self, alert: &str) -> Vec<Entry> {
        let entries = self.lines.iter().map(|line| line.entry.clone());
        let mut entries: Vec<Entry> = entries.filter(|entry| entry.alert == alert).collect();
        entries.sort_by(|a, b| (&a.channel, &a.recipient).cmp(&(&b.channel, &b.recipient)));
        entries
    }

    pub(crate) fn next_due(&self, channel: &str) -> Option<i64> {
        let entries = self.lines.iter().map(|line| &line.entry);
        entries
            .filter(|e| e.channel == channel)
            .filter(|e| matches!(e.state, State::Pending | State::RetryAt))
            .map(|e| e.due_ms)
            .min()
    }

    pub(crate) fn doubts(&self, channel: &str, since_ms: i64) -> Vec<Doubtful> {
        let doubtful = |line: &Line| {
            let entry = line.entry.clone();
            let first_try_ms = entry.first_try_ms.filter(|ms| *ms >= since_ms)?;
            let (attempts, digest) = (entry.attempts, entry.digest);
            (entry.channel == channel && entry.state == State::InDoubt).then_some((
                entry.alert,
                entry.recipient,
                attempts,
                first_try_ms,
                digest,
                line.refused,
            ))
        };
        self.lines.iter().filter_map(doubtful).collect()
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
    pub(crate) digest: Option<String>,
    pub(crate) payload: Vec<u8>,
    /// Whether it was shown at a begin.
    pub(crate) begun: bool,
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
            digest: line.entry.digest.clone(),
            payload: line.payload.clone(),
            begun: false,
        }
    }

    pub(crate) fn key(&self) -> (&String, &String, &String) {
        (&self.alert, &self.channel, &self.recipient)
    }
}
