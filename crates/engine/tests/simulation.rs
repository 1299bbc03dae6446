//! The engine's own shell on a broker in memory, under a seeded scheduler: several auditors and
//! shards, every operation on the broker a point at which any of them may be delayed, refused,
//! cut off, paused or killed. Each seed is a run of its own; one that fails prints the command that
//! repeats it. `ALDEBARAN_RUNS` says how many seeds there are.

#![allow(
    clippy::expect_used,
    reason = "what the simulation relies on is part of the test"
)]

mod simulation {
    pub(crate) mod auditing;
    pub(crate) mod faults;
    pub(crate) mod market;
    pub(crate) mod scenes;
    pub(crate) mod witness;
    pub(crate) mod world;

    /// The exchange of the logs.
    pub(crate) const EXCHANGE: &str = "shards";
    /// The exchange of the alerts.
    pub(crate) const ALERTS: &str = "alerts";
    /// The queue of the roster.
    pub(crate) const ROSTER: &str = "roster";
    /// Header of a log's message: its time.
    pub(crate) const TIME: &str = "time";
    /// Headers of an alert: where its cause stands.
    pub(crate) const SHARD: &str = "shard";
    pub(crate) const OFFSET: &str = "offset";

    /// The log of a shard.
    pub(crate) fn stream(shard: u32) -> String {
        format!("log-{shard}")
    }

    /// The queue of a shard's token.
    pub(crate) fn progress_queue(shard: u32) -> String {
        format!("progress-{shard}")
    }
}

use std::ops::Range;
use std::time::Duration;

use ::simulation::{RUNS, each_seed, simulated};
use simulation::faults::Faults;
use simulation::market::Market;
use simulation::witness::Expected;
use simulation::world::World;

/// What a command says that repeats one of these runs.
const HERE: &str = "-p engine --test simulation";

fn market(seed: u64, ahead_us: Range<i64>) -> Market {
    Market::generate(seed, shards(seed), ahead_us)
}

fn shards(seed: u64) -> u32 {
    1 + u32::try_from(seed % 3).expect("small")
}

/// Whatever of `faults` happens, the same alerts come out as when the books see the logs
/// undisturbed, and they are the reference model's. No token claims more than is out, and in the
/// end each shard has one owner and nobody more than a fair share.
fn faults_change_nothing(ahead_us: &Range<i64>, faults: Faults) {
    each_seed(HERE, async |seed| {
        let market = market(seed, ahead_us.clone());
        let expected = Expected::of(&market);
        let bodies = expected.bodies();
        let alerted: Vec<_> = bodies.keys().cloned().collect();
        assert_eq!(alerted, market.over_purchased, "seed {seed}");
        let mut world = World::new(&market, seed, faults);
        world.run_to_the_end().await;
        let witness = world.witness();
        assert_eq!(witness.bodies(), bodies, "{}", world.story());
        witness.tokens_are_true(&expected, &world);
    });
}

#[test]
fn whatever_fails_each_over_purchased_order_alerts_with_one_body() {
    faults_change_nothing(&(0..1), Faults::all());
}

/// The clock is off by more than anything is ever read late.
#[test]
fn a_clock_far_ahead_ends_nobodys_book_whatever_fails() {
    faults_change_nothing(&(600_000_000..7_200_000_000), Faults::all());
}

/// The clock is off by so little that a later reading believes what the first one did not.
#[test]
fn a_clock_a_little_ahead_ends_nobodys_book_at_a_second_reading() {
    let faults = Faults {
        kills: true,
        stops: true,
        ..Faults::default()
    };
    each_seed(HERE, async |seed| {
        let market = market(seed, 2_000_000..20_000_000);
        let mut world = World::new(&market, seed, faults);
        world.run_to_the_end().await;
        let alerted: Vec<_> = world.witness().bodies().into_keys().collect();
        assert_eq!(alerted, market.over_purchased, "{}", world.story());
    });
}

/// Alerts are kept back until their order's trades are read once more, and by then the clock that
/// was ahead at the first reading is past: without the marks of that one, log time would jump and
/// end books in the middle of their orders. Nobody leaves a shard unread for as long as the clock
/// is ahead, which is all that is promised.
#[test]
fn a_clock_ahead_ends_nobodys_book_when_alerts_are_kept_back() {
    each_seed(HERE, async |seed| {
        let market = market(seed, 8_000_000..18_000_000);
        let mut world = World::new(&market, seed, Faults::default());
        world.drain_within = Duration::from_secs(2);
        world.keep_alerts_back().await;
        let alerted: Vec<_> = world.witness().bodies().into_keys().collect();
        assert_eq!(alerted, market.over_purchased, "{}", world.story());
    });
}

#[test]
fn a_rolling_restart_repeats_nothing_and_keeps_the_order_of_the_log() {
    each_seed(HERE, async |seed| {
        let market = market(seed, 0..1);
        let stops = Faults {
            stops: true,
            ..Faults::default()
        };
        let mut world = World::new(&market, seed, stops);
        world.run_to_the_end().await;
        world.stop_all().await;
        let witness = world.witness();
        let repeated = witness.alerts().count() - witness.bodies().len();
        assert_eq!(repeated, 0, "{}", world.story());
        witness.alerts_are_in_order(&world.story());
    });
}

#[test]
fn a_kill_repeats_only_what_was_not_recorded() {
    let (mut repeated, mut kills) = (0, 0);
    each_seed(HERE, async |seed| {
        let market = market(seed, 0..1);
        let faults = Faults {
            kills: true,
            ..Faults::default()
        };
        let mut world = World::new(&market, seed, faults);
        world.run_to_the_end().await;
        let witness = world.witness();
        repeated += witness.alerts().count() - witness.bodies().len();
        kills += world.kills();
    });
    // Without suppression each kill repeats all alerts of the books still open.
    assert!(
        repeated * 4 <= kills,
        "{repeated} repeats after {kills} kills"
    );
}

/// Who records progress holds the old token until the next one is safe: however an owner ends,
/// the next one has its token in a moment and waits for no seed.
#[test]
fn whenever_an_owner_is_killed_the_next_one_has_its_token() {
    each_seed(HERE, async |seed| {
        let market = market(seed, 0..1);
        let mut world = World::new(&market, seed, Faults::default());
        world.kill_owners(4).await;
    });
}

/// Streams are deleted and declared anew, while tokens of the old ones are about, those of the new
/// ones get lost, and all else fails.
#[test]
fn a_log_made_anew_alerts_in_full() {
    each_seed(HERE, async |seed| {
        let before = market(seed, 0..1);
        let after = Market::generate(seed + RUNS, shards(seed), 0..1);
        let mut world = World::new(&before, seed, Faults::all());
        world.run_to_the_end().await;
        world.make_anew(after);
        world.run_to_the_end().await;
        world.alerted_in_full();
    });
}

/// All tokens of the new log are lost, so that its first owner does not know that it is another
/// one, and then those of the old log come back.
#[test]
fn a_log_made_anew_whose_tokens_are_lost_alerts_in_full() {
    each_seed(HERE, async |seed| {
        let after = Market::generate(seed + RUNS, shards(seed), 0..1);
        let delays = Faults {
            delays: true,
            ..Faults::default()
        };
        let mut world = World::new(&market(seed, 0..1), seed, delays);
        world.run_to_the_end().await;
        world.make_anew(after);
        world.bring_old_tokens_back().await;
        world.alerted_in_full();
    });
}

/// The new log is longer than the old one when somebody reads it again, and what the token says
/// to resume at is the middle of it: books that begin there hold a part of their orders, and
/// nothing says that their alerts are out.
#[test]
fn a_log_made_anew_while_nobody_reads_it_alerts_in_full() {
    each_seed(HERE, async |seed| {
        let after = Market::generate(seed + RUNS, shards(seed), 0..1);
        made_anew_while_nobody_reads(seed, &market(seed, 0..1), after).await;
    });
}

/// The same, and before the message that shows it there are more alerts than can be held back.
#[test]
fn a_log_made_anew_with_a_flood_of_alerts_alerts_in_full() {
    each_seed(HERE, async |seed| {
        let after = Market::with_a_flood();
        made_anew_while_nobody_reads(seed, &Market::in_two_halves(), after).await;
    });
}

async fn made_anew_while_nobody_reads(seed: u64, before: &Market, after: Market) {
    let mut world = World::new(before, seed, Faults::default());
    world.die_with_alerts().await;
    world.make_anew(after);
    world.let_the_log_be_written().await;
    world.settle().await;
    world.alerted_in_full();
}

/// Who could not hand a shard over in time stands in the line for it again.
#[test]
fn a_hand_over_that_fails_is_no_farewell() {
    each_seed(HERE, async |seed| {
        let shards = 2 + u32::try_from(seed % 2).expect("small");
        let market = Market::generate(seed, shards, 0..1);
        let mut world = World::new(&market, seed, Faults::default());
        world.hand_over_in_vain().await;
    });
}

/// More points than there are at which an auditor waits, from its first connection until all is
/// well.
const WAITS: u64 = 250;

/// An auditor that is alone dies at every point at which it waits for anything, each in a run of
/// its own.
#[test]
fn wherever_an_auditor_dies_the_next_one_goes_on() {
    let market = Market::small();
    let bodies = Expected::of(&market).bodies();
    each_seed(HERE, async |seed| {
        let (schedule, wait) = (seed / WAITS, 1 + seed % WAITS);
        let mut world = World::new(&market, schedule, Faults::default());
        let survived = world.kill_the_first_at_wait(wait).await;
        assert_eq!(world.witness().bodies(), bodies, "{}", world.story());
        assert!(survived || wait < WAITS, "there are more points");
    });
}

#[test]
fn one_seed_is_one_run() {
    let seed = 5;
    let run = || {
        simulated(async {
            let mut world = World::new(&market(seed, 0..1), seed, Faults::all());
            world.run_to_the_end().await;
            (world.story(), world.witness().0.len())
        })
    };
    assert_eq!(run(), run());
}
