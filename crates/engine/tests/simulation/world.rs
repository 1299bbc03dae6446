//! Owners, a log, a token queue, and what can go wrong between them.

use std::collections::{BTreeMap, BTreeSet};

use book::{Books, Moment, Settings};
use engine::{Arrived, LogMessage, Machine, Needed, Shard, Token};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trade::{Alert, read_batch};

use super::market::{Market, TTL_US};

const SKEW_US: i64 = 1_000_000;

/// Books are kept longer by this part of the TTL, as the auditor keeps them.
const GRACE_US: i64 = TTL_US / 16 + SKEW_US;

/// What may happen in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// kill -9 of the owner.
    pub(crate) crashes: bool,
    /// The owner is paused while another takes over, and goes on later.
    pub(crate) pauses: bool,
    /// Tokens vanish or are damaged.
    pub(crate) lost_tokens: bool,
    /// Tokens stand in the queue twice, or old ones come back.
    pub(crate) doubled_tokens: bool,
    /// SIGTERM of the owner.
    pub(crate) hand_overs: bool,
    /// No fault: the owner reads at once what is appended, and records progress before time
    /// goes on.
    pub(crate) prompt: bool,
}

impl Faults {
    pub(crate) fn all() -> Self {
        Faults {
            crashes: true,
            pauses: true,
            lost_tokens: true,
            doubled_tokens: true,
            hand_overs: true,
            prompt: false,
        }
    }
}

/// The books of a shard, as the auditor runs them.
struct Auditing(Books);

impl Machine for Auditing {
    fn apply(&mut self, message: &LogMessage<'_>, effects: &mut Vec<broker::Message>) {
        let LogMessage {
            offset,
            time_us,
            log_us,
            begin_us,
            replayed,
            body,
            ..
        } = *message;
        self.0.end_due(log_us, &mut Vec::new());
        for item in read_batch(body) {
            let trade = item.trade.expect("a trade");
            let moment = Moment {
                offset,
                time_us,
                begin_us,
                replayed,
            };
            if let Ok(Some(alert)) = self.0.apply(&trade, &moment) {
                let body = alert.to_json().into();
                effects.push(broker::Message {
                    body,
                    ..broker::Message::default()
                });
            }
        }
    }

    fn oldest_needed(&self) -> Option<Needed> {
        self.0
            .oldest()
            .map(|(offset, log_us)| Needed { offset, log_us })
    }
}

/// A process that owns the shard, or believes so.
struct Owner {
    shard: Shard<Auditing>,
    next: u64,
    /// Effects that the broker has not got yet, and those whose confirm is on its way.
    sent: Vec<(u64, Vec<u8>)>,
    confirming: Vec<u64>,
    writing: Option<Writing>,
    /// No longer reads: it was asked to hand over.
    leaving: bool,
}

/// A token on its way into the queue: sent, then in the queue, then the old ones acknowledged.
struct Writing {
    token: Vec<u8>,
    replaces: BTreeSet<u64>,
    landed: bool,
}

pub(crate) struct World {
    market: Market,
    random: ChaCha8Rng,
    faults: Faults,
    now_us: i64,
    appended: usize,
    owner: Option<Owner>,
    paused: Vec<Owner>,
    /// The queue's messages by their number.
    tokens: BTreeMap<u64, Vec<u8>>,
    next_token: u64,
    old_tokens: Vec<Vec<u8>>,
    alerts: Vec<Alert>,
    bytes: Vec<Vec<u8>>,
    story: Vec<String>,
    crashes: usize,
}

impl World {
    pub(crate) fn new(market: Market, seed: u64, faults: Faults) -> Self {
        let now_us = market.entries.first().map_or(0, |entry| entry.at_us);
        World {
            market,
            random: ChaCha8Rng::seed_from_u64(seed ^ 0xa1de_ba2a),
            faults,
            now_us,
            appended: 0,
            owner: None,
            paused: Vec::new(),
            tokens: BTreeMap::new(),
            next_token: 0,
            old_tokens: Vec::new(),
            alerts: Vec::new(),
            bytes: Vec::new(),
            story: vec![format!("seed {seed}")],
            crashes: 0,
        }
    }

    /// Lets things happen until the log is written, then mends everything and lets the last
    /// owner finish.
    pub(crate) fn run_to_the_end(&mut self) {
        while self.appended < self.market.entries.len() {
            self.step(true);
        }
        for _ in 0..self.random.random_range(0..200) {
            self.step(true);
        }
        while !self.is_done() {
            self.step(false);
        }
    }

    /// The bodies of the alerts by order id; each order's all of one form.
    pub(crate) fn bodies(&self) -> BTreeMap<String, Vec<u8>> {
        let mut bodies = BTreeMap::new();
        for (alert, body) in self.alerts.iter().zip(&self.bytes) {
            let known = bodies
                .entry(alert.order_id.clone())
                .or_insert_with(|| body.clone());
            assert_eq!(
                String::from_utf8_lossy(known),
                String::from_utf8_lossy(body),
                "two bodies: {}",
                self.story()
            );
        }
        bodies
    }

    /// How many alerts were published, repeats included.
    pub(crate) fn published(&self) -> usize {
        self.alerts.len()
    }

    pub(crate) fn crashes(&self) -> usize {
        self.crashes
    }

    /// What happened, for a failure's message.
    pub(crate) fn story(&self) -> String {
        self.story.join(", ")
    }

    fn is_done(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| {
            owner.next as usize == self.market.entries.len()
                && owner.sent.is_empty()
                && owner.confirming.is_empty()
        })
    }

    fn step(&mut self, faults: bool) {
        if self.owner.is_none() {
            self.take_over();
            return;
        }
        match self.random.random_range(0..100) {
            0..20 => self.append(),
            20..50 => self.read(),
            50..65 => self.land(),
            65..80 => self.confirm(),
            80..90 => self.get_on_with_the_token(),
            90..94 => self.learn(),
            94 if faults && self.faults.crashes => self.crash(),
            95 if faults && self.faults.pauses => self.pause(),
            96 if faults && self.faults.pauses => self.wake_a_paused_one(),
            97 if faults && self.faults.doubled_tokens => self.double_a_token(),
            98 if faults && self.faults.hand_overs => self.ask_to_leave(),
            99 if faults && self.faults.lost_tokens => self.lose_tokens(),
            _ => {}
        }
        self.leave_if_ready();
    }

    /// Time goes on and the next message is appended; now and then a few at once.
    fn append(&mut self) {
        if self.faults.prompt {
            return self.append_and_read();
        }
        for _ in 0..self.random.random_range(1..4) {
            let Some(entry) = self.market.entries.get(self.appended) else {
                return;
            };
            self.now_us = self.now_us.max(entry.at_us);
            self.appended += 1;
        }
    }

    fn catch_up(&mut self) {
        let Some(owner) = &mut self.owner else { return };
        while owner.next < self.appended as u64 {
            read_next(owner, &self.market, self.appended, self.now_us);
        }
    }

    /// Before time goes on, progress is recorded, as it is each second.
    fn append_and_read(&mut self) {
        if let Some(owner) = &mut self.owner {
            owner.writing = None;
            let token = owner.shard.progress().to_json();
            self.tokens.clear();
            self.put_token(token);
        }
        let Some(entry) = self.market.entries.get(self.appended) else {
            return;
        };
        self.now_us = entry.at_us;
        self.appended += 1;
        self.catch_up();
    }

    fn read(&mut self) {
        let (now_us, appended) = (self.now_us, self.appended);
        let Some(owner) = self.owner.as_mut().filter(|owner| !owner.leaving) else {
            return;
        };
        read_next(owner, &self.market, appended, now_us);
    }

    /// One effect reaches the broker, in no certain order.
    fn land(&mut self) {
        let Some(owner) = &mut self.owner else { return };
        if let Some((offset, body)) = take_any(&mut owner.sent, &mut self.random) {
            owner.confirming.push(offset);
            self.publish(body);
        }
    }

    fn confirm(&mut self) {
        let Some(owner) = &mut self.owner else { return };
        if let Some(offset) = take_any(&mut owner.confirming, &mut self.random) {
            owner.shard.confirmed(offset);
        }
    }

    fn publish(&mut self, body: Vec<u8>) {
        self.alerts.push(Alert::from_json(&body).expect("an alert"));
        self.bytes.push(body);
    }

    fn get_on_with_the_token(&mut self) {
        let Some(owner) = &mut self.owner else { return };
        match &mut owner.writing {
            None => {
                let token = owner.shard.progress().to_json();
                let replaces = self.tokens.keys().copied().collect();
                owner.writing = Some(Writing {
                    token,
                    replaces,
                    landed: false,
                });
            }
            Some(writing) if !writing.landed => {
                writing.landed = true;
                let token = writing.token.clone();
                self.put_token(token);
            }
            Some(writing) => {
                for number in &writing.replaces {
                    self.old_tokens.extend(self.tokens.remove(number));
                }
                owner.writing = None;
            }
        }
    }

    fn put_token(&mut self, token: Vec<u8>) {
        self.tokens.insert(self.next_token, token);
        self.next_token += 1;
    }

    /// The owner gets whatever other tokens stand in the queue.
    fn learn(&mut self) {
        let tokens: Vec<_> = self.tokens.values().map(|token| parse(token)).collect();
        if let Some(owner) = &mut self.owner {
            tokens
                .into_iter()
                .for_each(|token| owner.shard.learn(token));
        }
    }

    fn take_over(&mut self) {
        if self.tokens.is_empty() {
            self.put_token(Token::default().to_json());
        }
        let Some(first) = self.tokens.values().next() else {
            return;
        };
        let mut token = parse(first);
        if token.is_blank() {
            token = self
                .tokens
                .values()
                .map(|token| parse(token))
                .fold(token, Token::merge);
        }
        let settings = Settings {
            ttl_us: TTL_US + GRACE_US,
            max_books: 1000,
            hash_seed: self.random.random(),
        };
        let shard = Shard::take_over(Auditing(Books::new(settings)), token, SKEW_US);
        let next = shard.start().unwrap_or(0);
        self.story
            .push(format!("an owner from {next} at {}", self.appended));
        self.owner = Some(Owner {
            shard,
            next,
            sent: Vec::new(),
            confirming: Vec::new(),
            writing: None,
            leaving: false,
        });
        if self.faults.prompt {
            self.catch_up();
        }
    }

    /// What was on its way to the broker arrives or not.
    fn crash(&mut self) {
        let Some(mut owner) = self.owner.take() else {
            return;
        };
        self.story.push(format!("crash at {}", owner.next));
        self.crashes += 1;
        for (_, body) in std::mem::take(&mut owner.sent) {
            if self.random.random_bool(0.5) {
                self.publish(body);
            }
        }
        if let Some(writing) = owner.writing.take()
            && !writing.landed
            && self.random.random_bool(0.5)
        {
            self.put_token(writing.token);
        }
    }

    fn pause(&mut self) {
        self.story.push("pause".to_owned());
        self.paused.extend(self.owner.take());
    }

    /// A paused owner goes on a little before it notices that its connection is gone.
    fn wake_a_paused_one(&mut self) {
        let Some(mut owner) = take_any(&mut self.paused, &mut self.random) else {
            return;
        };
        self.story.push("a paused one wakes".to_owned());
        for _ in 0..self.random.random_range(0..10) {
            read_next(&mut owner, &self.market, self.appended, self.now_us);
        }
        for (offset, body) in std::mem::take(&mut owner.sent) {
            if self.random.random_bool(0.7) {
                self.publish(body);
                owner.shard.confirmed(offset);
            }
        }
        if self.random.random_bool(0.5) {
            let token = owner.shard.progress().to_json();
            self.put_token(token);
        }
    }

    fn double_a_token(&mut self) {
        let old = take_any(&mut self.old_tokens, &mut self.random);
        if let Some(token) = old.or_else(|| self.tokens.values().next().cloned()) {
            self.story.push("a token is there twice".to_owned());
            self.put_token(token);
        }
    }

    fn lose_tokens(&mut self) {
        self.story.push("tokens are lost".to_owned());
        let damaged = self.random.random_bool(0.5);
        for token in self.tokens.values_mut() {
            if damaged {
                let place = self.random.random_range(0..token.len());
                token[place] ^= 1 << self.random.random_range(0..7);
            }
        }
        if !damaged {
            self.tokens.clear();
        }
        self.crash();
    }

    fn ask_to_leave(&mut self) {
        if let Some(owner) = &mut self.owner {
            self.story.push("asked to leave".to_owned());
            owner.leaving = true;
        }
    }

    /// An owner that hands over has its effects confirmed, writes its last token, then goes.
    fn leave_if_ready(&mut self) {
        let ready = self.owner.as_ref().is_some_and(|owner| {
            owner.leaving
                && owner.sent.is_empty()
                && owner.confirming.is_empty()
                && owner.writing.is_none()
        });
        let Some(mut owner) = ready.then(|| self.owner.take()).flatten() else {
            return;
        };
        self.tokens.clear();
        self.put_token(owner.shard.progress().to_json());
    }
}

fn read_next(owner: &mut Owner, market: &Market, appended: usize, now_us: i64) {
    let Some(entry) = market.entries.get(owner.next as usize) else {
        return;
    };
    if owner.next as usize >= appended {
        return;
    }
    let mut effects = Vec::new();
    let message = Arrived {
        offset: owner.next,
        time_us: Some(entry.time_us),
        forwarded: false,
        body: &entry.body,
    };
    owner
        .shard
        .apply(message, now_us, &mut effects)
        .expect("the token's own log");
    owner.sent.extend(
        effects
            .into_iter()
            .map(|effect| (owner.next, effect.body.to_vec())),
    );
    owner.next += 1;
}

fn parse(token: &[u8]) -> Token {
    Token::from_json(token).unwrap_or_default()
}

fn take_any<T>(items: &mut Vec<T>, random: &mut ChaCha8Rng) -> Option<T> {
    if items.is_empty() {
        return None;
    }
    let index = random.random_range(0..items.len());
    Some(items.swap_remove(index))
}
