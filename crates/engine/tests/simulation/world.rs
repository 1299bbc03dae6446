//! Auditors around a broker, and what happens to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use broker::Message;
use engine::Config;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulation::{ProcessId, Simulation, Weather};
use tokio_util::sync::CancellationToken;

use super::auditing::{Auditing, SKEW_US};
use super::market::{Market, START_US};
use super::witness::Witness;
use super::{ALERTS, EXCHANGE, ROSTER, TIME, progress_queue, stream};

/// How long it may take until all is well after the last fault: a lost token is looked for each
/// half minute, and a shard that came straight back is not given away for a minute.
const SETTLED_WITHIN_MS: u64 = 180_000;

/// How long the next in the line may wait for the token of one that was killed.
const AT_ONCE_MS: u64 = 100;

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

struct Auditor {
    id: ProcessId,
    stop: CancellationToken,
    is_paused: bool,
}

pub(crate) struct World {
    pub(crate) simulation: Simulation,
    market: Market,
    faults: Faults,
    random: ChaCha8Rng,
    auditors: Vec<Auditor>,
    wanted: usize,
    kills: usize,
    story: Vec<String>,
}

impl World {
    /// The market's messages will come, and a few auditors wait for them.
    pub(crate) fn new(market: &Market, seed: u64, faults: Faults) -> Self {
        let mut simulation = Simulation::new(seed ^ 0xa1de_ba2a, START_US);
        simulation.declare_exchange(ALERTS);
        simulation.declare_queue(ROSTER, false);
        for shard in 0..market.shards {
            simulation.declare_stream(&stream(shard), EXCHANGE, &shard.to_string());
            simulation.declare_queue(&progress_queue(shard), true);
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let wanted = random.random_range(1..=4);
        let mut world = World {
            simulation,
            market: market.clone(),
            faults,
            random,
            auditors: Vec::new(),
            wanted,
            kills: 0,
            story: vec![format!("seed {seed}, {wanted} auditors")],
        };
        world.publish_market();
        world
    }

    fn publish_market(&mut self) {
        for entry in &self.market.entries {
            self.simulation.publish_at(entry.at_ms(), entry.message());
        }
        self.change_weather();
    }

    /// All streams are deleted and declared anew, and another market comes.
    pub(crate) fn make_anew(&mut self, market: Market) {
        self.tell("the logs are made anew");
        for shard in 0..market.shards {
            self.simulation.make_stream_anew(&stream(shard));
        }
        let now_us = i64::try_from(self.simulation.now_ms() * 1000).expect("small");
        self.market = market.later(now_us, "later");
        self.publish_market();
    }

    /// Kills owners at any operation, one after the other; each time another one must have the
    /// token at once.
    pub(crate) async fn kill_owners(&mut self, kills: u32) {
        self.wanted = self.wanted.max(2);
        self.settle().await;
        for _ in 0..kills {
            let queue = progress_queue(self.random.random_range(0..self.market.shards));
            let owner = self.simulation.holder(&queue).expect("an owner");
            let operations = self.random.random_range(1..30);
            self.tell(&format!(
                "kill {owner:?} of {queue} at operation {operations}"
            ));
            self.simulation.kill_at(owner, operations);
            while self.simulation.is_running(owner) {
                self.simulation.run_for(10).await;
            }
            self.simulation.run_for(AT_ONCE_MS).await;
            let next = self.simulation.holder(&queue);
            assert!(
                next.is_some_and(|next| next != owner),
                "{next:?}: {}",
                self.story()
            );
            self.see_to_the_auditors();
            self.simulation.run_for(1000).await;
        }
    }

    /// Lets things happen until the log is written, then mends everything and waits until all
    /// is well.
    pub(crate) async fn run_to_the_end(&mut self) {
        let last_ms = self.market.entries.last().map_or(0, |entry| entry.at_ms());
        let end_ms = last_ms.max(self.simulation.now_ms()) + self.random.random_range(0..10_000);
        while self.simulation.now_ms() < end_ms {
            self.see_to_the_auditors();
            let pause_ms = self.random.random_range(1..2000);
            self.simulation.run_for(pause_ms).await;
            self.something_happens();
        }
        self.settle().await;
    }

    async fn settle(&mut self) {
        self.tell("calm");
        self.simulation.change(Weather::CALM);
        for auditor in &mut self.auditors {
            self.simulation.resume(auditor.id);
            auditor.is_paused = false;
        }
        let deadline_ms = self.simulation.now_ms() + SETTLED_WITHIN_MS;
        loop {
            self.see_to_the_auditors();
            self.simulation.run_for(500).await;
            let unwell = self.what_is_not_well();
            let Some(unwell) = unwell else { return };
            assert!(
                self.simulation.now_ms() < deadline_ms,
                "{unwell}: {}",
                self.story()
            );
        }
    }

    /// Stops all auditors; what they leave behind is for the next ones.
    pub(crate) async fn stop_all(&mut self) {
        self.tell("all stop");
        for auditor in &self.auditors {
            auditor.stop.cancel();
        }
        self.simulation.run_for(5000).await;
        for auditor in &self.auditors {
            let outcome = self.simulation.outcome(auditor.id);
            assert!(
                matches!(outcome, Some(Ok(()))),
                "{outcome:?}: {}",
                self.story()
            );
        }
    }

    pub(crate) fn witness(&self) -> Witness {
        Witness(self.simulation.stored())
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills
    }

    /// What happened, for a failure's message.
    pub(crate) fn story(&self) -> String {
        self.story.join(", ")
    }

    fn tell(&mut self, what: &str) {
        let now_ms = self.simulation.now_ms();
        self.story.push(format!("{now_ms}: {what}"));
    }

    /// Not all alerts are out, or a shard has no owner, or somebody has too many.
    fn what_is_not_well(&self) -> Option<String> {
        let running: Vec<_> = self.auditors.iter().map(|auditor| auditor.id).collect();
        let mut held = BTreeMap::<_, usize>::new();
        for shard in 0..self.market.shards {
            match self.simulation.holder(&progress_queue(shard)) {
                Some(holder) if running.contains(&holder) => *held.entry(holder).or_default() += 1,
                holder => return Some(format!("shard {shard} is owned by {holder:?}")),
            }
        }
        let share = (self.market.shards as usize).div_ceil(running.len());
        if let Some((holder, held)) = held.iter().find(|(_, held)| **held > share) {
            return Some(format!(
                "{holder:?} has {held} shards of {}",
                self.market.shards
            ));
        }
        let bodies = self.witness().bodies();
        let missing = |order: &&String| !bodies.contains_key(*order);
        let missing = self.market.over_purchased.iter().find(missing)?;
        Some(format!("{missing} has not alerted"))
    }

    /// Who has ended is started again.
    fn see_to_the_auditors(&mut self) {
        let simulation = &self.simulation;
        self.auditors
            .retain(|auditor| simulation.is_running(auditor.id));
        while self.auditors.len() < self.wanted {
            let auditor = self.start();
            self.auditors.push(auditor);
        }
    }

    fn start(&mut self) -> Auditor {
        let name = format!("auditor-{}", self.simulation.now_ms());
        let shards = self.market.shards;
        let config = Config {
            name,
            streams: (0..shards).map(stream).collect(),
            progress_queues: (0..shards).map(progress_queue).collect(),
            exchanges: vec![ALERTS.to_owned()],
            roster: ROSTER.to_owned(),
            time_header: TIME,
            skew: Duration::from_micros(SKEW_US.unsigned_abs()),
            prefetch: self.random.random_range(16..64),
            progress_every: Duration::from_millis(500),
            drain_within: Duration::from_secs(10),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let id = self.simulation.start(0, |host| async move {
            engine::run(&host, config, Arc::default(), Auditing::new, stopped).await
        });
        Auditor {
            id,
            stop,
            is_paused: false,
        }
    }

    fn something_happens(&mut self) {
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

    fn change_weather(&mut self) {
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
        let old: VecDeque<_> = stored
            .iter()
            .filter(|stored| stored.message.routing_key == queue)
            .collect();
        if !old.is_empty() {
            let old = old[self.random.random_range(0..old.len())];
            self.tell(&format!("an old token in {queue}"));
            let token = token_message(&queue, old.message.body.to_vec());
            self.simulation.put(&queue, token);
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
