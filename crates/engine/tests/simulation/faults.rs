//! What may happen to the auditors, their tokens and their broker.

use std::sync::Arc;

use broker::Message;
use rand::Rng;
use simulation::{Stored, Weather};

use super::progress_queue;
use super::world::{Auditor, World};

/// What may happen in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// kill -9 of an auditor, at any moment or at any operation on the broker.
    pub(crate) kills: bool,
    /// SIGSTOP of an auditor, and SIGCONT later.
    pub(crate) pauses: bool,
    /// SIGTERM of an auditor.
    pub(crate) stops: bool,
    /// A connection breaks.
    pub(crate) cuts: bool,
    /// kill -9 of the broker, and alarms.
    pub(crate) broker: bool,
    /// What is published is refused and returned, requests are not answered.
    pub(crate) refusals: bool,
    /// Tokens vanish or are damaged.
    pub(crate) lost_tokens: bool,
    /// Tokens stand in the queue twice, or old ones come back.
    pub(crate) doubled_tokens: bool,
    /// Requests and answers take up to seconds.
    pub(crate) delays: bool,
}

impl Faults {
    pub(crate) fn all() -> Self {
        Faults {
            kills: true,
            pauses: true,
            stops: true,
            cuts: true,
            broker: true,
            refusals: true,
            lost_tokens: true,
            doubled_tokens: true,
            delays: true,
        }
    }
}

impl World {
    /// One of the things that may happen does, or none.
    pub(crate) fn something_happens(&mut self) {
        let faults = self.faults;
        let which = self.random.random_range(0..self.auditors.len());
        let id = self.auditors[which].id;
        match self.random.random_range(0..20) {
            0 if faults.kills => {
                self.tell(&format!("kill {id:?}"));
                self.kills += 1;
                self.simulation.kill(id);
            }
            1 if faults.kills => {
                let operations = self.random.random_range(1..100);
                self.tell(&format!("kill {id:?} at operation {operations}"));
                self.kills += 1;
                self.simulation.kill_at(id, operations);
            }
            2 | 3 if faults.pauses => self.pause_or_resume(which),
            4 if faults.stops => {
                self.tell(&format!("stop {id:?}"));
                self.auditors[which].stop.cancel();
            }
            5 if faults.cuts => {
                self.tell(&format!("cut {id:?}"));
                self.simulation.cut(id);
            }
            6 if faults.broker => {
                let for_ms = self.random.random_range(10..5000);
                self.tell(&format!("the broker is away for {for_ms}"));
                self.simulation.kill_broker(for_ms);
            }
            7 if faults.broker => {
                let for_ms = self.random.random_range(10..15_000);
                self.tell(&format!("an alarm for {for_ms}"));
                self.simulation.block(for_ms);
            }
            8 if faults.refusals || faults.delays => self.change_weather(),
            9 if faults.lost_tokens => self.lose_tokens(),
            10 if faults.doubled_tokens => self.double_a_token(),
            11 if faults.stops => self.wanted = self.random.random_range(1..=4),
            _ => {}
        }
    }

    fn pause_or_resume(&mut self, which: usize) {
        let Auditor { id, is_paused, .. } = &mut self.auditors[which];
        let id = *id;
        *is_paused = !*is_paused;
        if *is_paused {
            self.simulation.pause(id);
            self.tell(&format!("pause {id:?}"));
        } else {
            self.simulation.resume(id);
            self.tell(&format!("resume {id:?}"));
        }
    }

    pub(crate) fn change_weather(&mut self) {
        let mut weather = Weather::CALM;
        if self.faults.delays {
            weather.delay_ms = self.random.random_range(1..200);
            weather.long_delay_ms = self.random.random_range(1..5000);
        }
        if self.faults.refusals {
            weather.refused = self.random.random_range(0..200);
            weather.unanswered = self.random.random_range(0..20);
        }
        self.tell(&format!("{weather:?}"));
        self.simulation.change(weather);
    }

    /// The tokens of a shard vanish, or come back damaged, and their owner is killed.
    fn lose_tokens(&mut self) {
        let shard = self.random.random_range(0..self.market.shards);
        let queue = progress_queue(shard);
        self.tell(&format!("tokens of {shard} are lost"));
        if let Some(holder) = self.simulation.holder(&queue) {
            self.simulation.kill(holder);
        }
        let lost = self.simulation.purge(&queue);
        if self.random.random_bool(0.5) {
            for token in lost {
                let mut body = token.body.to_vec();
                let place = self.random.random_range(0..body.len());
                body[place] ^= 1 << self.random.random_range(0..7);
                self.simulation.put(&queue, token_message(&queue, body));
            }
        }
    }

    fn double_a_token(&mut self) {
        let queue = progress_queue(self.random.random_range(0..self.market.shards));
        let stored = self.simulation.stored();
        self.bring_back(&queue, &stored);
    }

    /// One of the tokens that were written once is there again.
    pub(crate) fn bring_back(&mut self, queue: &str, stored: &[Stored]) {
        let old: Vec<_> = stored
            .iter()
            .filter(|stored| stored.message.routing_key == queue)
            .collect();
        if !old.is_empty() {
            let old = old[self.random.random_range(0..old.len())];
            self.tell(&format!("an old token in {queue}"));
            let token = token_message(queue, old.message.body.to_vec());
            self.simulation.put(queue, token);
        }
    }
}

fn token_message(queue: &str, body: Vec<u8>) -> Arc<Message> {
    Arc::new(Message {
        routing_key: queue.to_owned(),
        body: body.into(),
        ..Message::default()
    })
}
