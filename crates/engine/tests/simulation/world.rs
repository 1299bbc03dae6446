//! Auditors around a broker, and what happens to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::Config;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulation::{ProcessId, Simulation, Weather};
use tokio_util::sync::CancellationToken;

use super::auditing::{Auditing, SKEW_US};
use super::faults::Faults;
use super::market::{Market, START_US};
use super::witness::{Expected, Witness};
use super::{ALERTS, EXCHANGE, ROSTER, TIME, progress_queue, stream};

/// How long it may take until all is well after the last fault: a lost token is looked for each
/// half minute, and a shard that came straight back is not given away for a minute.
const SETTLED_WITHIN_MS: u64 = 180_000;

pub(crate) struct Auditor {
    pub(crate) id: ProcessId,
    pub(crate) stop: CancellationToken,
    pub(crate) is_paused: bool,
}

pub(crate) struct World {
    pub(crate) simulation: Simulation,
    pub(crate) market: Market,
    pub(crate) faults: Faults,
    pub(crate) random: ChaCha8Rng,
    pub(crate) auditors: Vec<Auditor>,
    pub(crate) wanted: usize,
    pub(crate) kills: usize,
    pub(crate) drain_within: Duration,
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
            drain_within: Duration::from_secs(10),
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

    /// Lets the rest of the market come while nobody reads.
    pub(crate) async fn let_the_log_be_written(&mut self) {
        let end_ms = self.end_ms();
        self.simulation
            .run_for(end_ms - self.simulation.now_ms())
            .await;
    }

    /// When the market has come.
    pub(crate) fn end_ms(&self) -> u64 {
        let last_ms = self.market.entries.last().map_or(0, |entry| entry.at_ms());
        last_ms.max(self.simulation.now_ms())
    }

    /// Lets things happen until the log is written, then mends everything and waits until all
    /// is well.
    pub(crate) async fn run_to_the_end(&mut self) {
        let end_ms = self.end_ms() + self.random.random_range(0..10_000);
        while self.simulation.now_ms() < end_ms {
            self.see_to_the_auditors();
            let pause_ms = self.random.random_range(1..2000);
            self.simulation.run_for(pause_ms).await;
            self.something_happens();
        }
        self.settle().await;
    }

    pub(crate) async fn settle(&mut self) {
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

    /// The orders of the market that is there now have alerted, each with one body: the one that
    /// comes out when the books see the logs undisturbed.
    pub(crate) fn alerted_in_full(&self) {
        let mut bodies = self.witness().bodies();
        bodies.retain(|order, _| self.market.over_purchased.contains(order));
        let expected = Expected::of(&self.market).bodies();
        assert_eq!(bodies, expected, "{}", self.story());
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

    pub(crate) fn tell(&mut self, what: &str) {
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
    pub(crate) fn see_to_the_auditors(&mut self) {
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
            stamp_headers: ["read", "published"],
            skew: Duration::from_micros(SKEW_US.unsigned_abs()),
            prefetch: self.random.random_range(16..64),
            progress_every: Duration::from_millis(500),
            renew_after: Duration::from_secs(300),
            reluctance: Duration::from_secs(60),
            drain_within: self.drain_within,
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
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what happened: {}", self.story());
        }
    }
}
