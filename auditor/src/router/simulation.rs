//! Routers on a broker in memory, under a seeded scheduler: what was put at the front door
//! stands in its shard, or in `Aldebaran.Rejected`, whatever fails. Each seed is a run of its
//! own; one that fails prints the command that repeats it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulation::{ProcessId, Simulation, Weather, each_seed};
use tokio_util::sync::CancellationToken;
use topology::names;
use trade::shard_of;

use super::Router;

/// What a command says that repeats one of these runs.
const HERE: &str = "-p auditor";

const SHARDS: u32 = 2;

/// How long messages come, and how long it may take then until all are passed on.
const LASTS_MS: u64 = 20_000;
const PASSED_ON_WITHIN_MS: u64 = 60_000;

/// When all messages have come that come at once.
const FULL_AFTER_MS: u64 = 300;

/// Some routers behind a front door.
struct World {
    simulation: Simulation,
    random: ChaCha8Rng,
    routers: Vec<(ProcessId, CancellationToken)>,
    put: BTreeSet<String>,
    story: Vec<String>,
}

impl World {
    /// Messages come to the front door for so long.
    fn new(seed: u64, lasts_ms: u64) -> Self {
        let mut simulation = Simulation::new(seed, 1_700_000_000_000_000);
        simulation.declare_queue(names::TRADE_DATA, false);
        simulation.declare_exchange(names::REJECTED);
        for shard in 0..SHARDS {
            let (stream, exchange) = (
                names::shard_stream(SHARDS, shard),
                names::shards_exchange(SHARDS),
            );
            simulation.declare_stream(&stream, &exchange, &shard.to_string());
        }
        let mut world = World {
            simulation,
            random: ChaCha8Rng::seed_from_u64(seed),
            routers: Vec::new(),
            put: BTreeSet::new(),
            story: vec![format!("seed {seed}")],
        };
        world.fill_the_door(lasts_ms);
        world
    }

    /// Messages of one line or a few; some lines are no trades.
    fn fill_the_door(&mut self, lasts_ms: u64) {
        for message in 0..100 {
            let mut body = String::new();
            for line in 0..self.random.random_range(1..5) {
                let id = format!("{message}-{line}");
                let line = if self.random.random_ratio(1, 10) {
                    format!("no trade {id}")
                } else {
                    format!(r##"{{"id":"{id}","#shares":1,"client":"c","stock":"s"}}"##)
                };
                body += &line;
                body.push('\n');
                self.put.insert(line);
            }
            let at_ms = self.random.random_range(0..lasts_ms);
            self.simulation.publish_at(
                at_ms,
                Message {
                    routing_key: names::TRADE_DATA.to_owned(),
                    body: body.into(),
                    ..Message::default()
                },
            );
        }
    }

    fn see_to_the_routers(&mut self) {
        let simulation = &self.simulation;
        self.routers.retain(|(id, _)| simulation.is_running(*id));
        while self.routers.len() < 2 {
            let stop = CancellationToken::new();
            let stopped = stop.clone();
            let id = self.simulation.start(0, |host| {
                let router = Router {
                    host,
                    name: "router".to_owned(),
                    shards: SHARDS,
                    tally: Arc::default(),
                    drain_within: Duration::from_secs(10),
                };
                router.run(stopped)
            });
            self.routers.push((id, stop));
        }
    }

    async fn run(&mut self, faults: bool) {
        while self.simulation.now_ms() < LASTS_MS {
            self.see_to_the_routers();
            let pause_ms = self.random.random_range(1..1000);
            self.simulation.run_for(pause_ms).await;
            if faults {
                self.something_happens();
            }
        }
        self.simulation.change(Weather::CALM);
        for (id, _) in &self.routers {
            self.simulation.resume(*id);
        }
        while self.passed_on().0 != self.put {
            let missing = || self.put.difference(&self.passed_on().0).next().cloned();
            assert!(
                self.simulation.now_ms() < LASTS_MS + PASSED_ON_WITHIN_MS,
                "{:?} is lost: {}",
                missing(),
                self.story.join(", ")
            );
            self.see_to_the_routers();
            self.simulation.run_for(500).await;
        }
    }

    /// Lets routers take what came, and stops them while they have it in hand.
    async fn stop_with_full_hands(&mut self) {
        self.simulation.change(Weather {
            delay_ms: self.random.random_range(1..100),
            ..Weather::CALM
        });
        self.see_to_the_routers();
        self.simulation.run_for(FULL_AFTER_MS).await;
        while self.simulation.ready(names::TRADE_DATA) > 0 {
            self.simulation.run_for(1).await;
        }
        for (_, stop) in &self.routers {
            stop.cancel();
        }
        while let Some((id, _)) = self.routers.last() {
            let limit_ms = LASTS_MS + PASSED_ON_WITHIN_MS;
            assert!(self.simulation.now_ms() < limit_ms, "{id:?} does not end");
            self.simulation.run_for(100).await;
            let simulation = &self.simulation;
            self.routers.retain(|(id, _)| simulation.is_running(*id));
        }
    }

    fn something_happens(&mut self) {
        let (id, stop) = self.routers[self.random.random_range(0..self.routers.len())].clone();
        let what = self.random.random_range(0..10);
        self.story.push(format!("{what} to {id:?}"));
        match what {
            0 => self.simulation.kill(id),
            1 => {
                let operations = self.random.random_range(1..50);
                self.simulation.kill_at(id, operations);
            }
            2 => self.simulation.pause(id),
            3 => self.simulation.resume(id),
            4 => stop.cancel(),
            5 => self.simulation.cut(id),
            6 => self
                .simulation
                .kill_broker(self.random.random_range(10..3000)),
            7 => self.simulation.block(self.random.random_range(10..12_000)),
            8 => self.simulation.change(Weather {
                delay_ms: self.random.random_range(1..200),
                long_delay_ms: self.random.random_range(1..5000),
                refused: self.random.random_range(0..200),
                unanswered: self.random.random_range(0..20),
            }),
            _ => {}
        }
    }

    /// The lines that stand where they belong, and how many there are with repeats.
    fn passed_on(&self) -> (BTreeSet<String>, usize) {
        let mut lines = Vec::new();
        for shard in 0..SHARDS {
            let stream = names::shard_stream(SHARDS, shard);
            for (_, message) in self.simulation.stream(&stream) {
                for item in trade::read_batch(&message.body) {
                    assert_eq!(shard_of(item.trade.unwrap().order_id(), SHARDS), shard);
                    lines.push(String::from_utf8_lossy(item.raw).into_owned());
                }
            }
        }
        for stored in self.simulation.stored() {
            if stored.message.exchange == names::REJECTED {
                lines.push(String::from_utf8_lossy(&stored.message.body).into_owned());
            }
        }
        let count = lines.len();
        (lines.into_iter().collect(), count)
    }
}

#[test]
fn whatever_fails_what_was_put_at_the_front_door_is_passed_on() {
    each_seed(HERE, async |seed| {
        World::new(seed, LASTS_MS).run(true).await;
    });
}

#[test]
fn when_nothing_fails_each_line_is_passed_on_once() {
    each_seed(HERE, async |seed| {
        let mut world = World::new(seed, LASTS_MS);
        world.run(false).await;
        assert_eq!(world.passed_on().1, world.put.len(), "seed {seed}");
    });
}

#[test]
fn a_router_that_is_stopped_passes_on_all_that_it_was_sent() {
    each_seed(HERE, async |seed| {
        let mut world = World::new(seed, FULL_AFTER_MS);
        world.stop_with_full_hands().await;
        let (passed_on, count) = world.passed_on();
        assert_eq!(passed_on, world.put, "seed {seed}");
        assert_eq!(count, world.put.len(), "seed {seed}");
    });
}
