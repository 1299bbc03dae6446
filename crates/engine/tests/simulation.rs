//! The engine's logic without a broker: a seeded scheduler drives owners, a log, a queue of
//! tokens and the wire between them, and crashes, pauses, loses, doubles and delays at every
//! point where the real shell awaits something. Each seed is a run of its own:
//!
//! `ALDEBARAN_SEED=17 cargo test --release -p engine --test simulation -- --nocapture`

#![allow(
    clippy::expect_used,
    reason = "what the simulation relies on is part of the test"
)]

mod simulation {
    pub(crate) mod market;
    pub(crate) mod world;
}

use std::ops::Range;

use simulation::market::Market;
use simulation::world::{Faults, World};

/// How many runs there are of each kind.
const RUNS: u64 = 2000;

fn seeds() -> impl Iterator<Item = u64> {
    let one = std::env::var("ALDEBARAN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    one.map_or(0..RUNS, |seed| seed..seed + 1)
}

/// What an owner that nothing happens to publishes.
fn undisturbed(market: &Market, seed: u64) -> World {
    let mut world = World::new(market.clone(), seed, Faults::default());
    world.run_to_the_end();
    world
}

/// Whatever of `faults` happens, the same alerts come out with the same bytes, and they are the
/// reference model's. One of three publishers is ahead by some microseconds of `ahead_us`.
fn faults_change_nothing(ahead_us: &Range<i64>, faults: Faults) {
    for seed in seeds() {
        let market = Market::generate(seed, ahead_us.clone());
        let calm = undisturbed(&market, seed).bodies();
        let alerted: Vec<_> = calm.keys().cloned().collect();
        assert_eq!(alerted, market.over_purchased(), "seed {seed}");
        let mut world = World::new(market, seed, faults);
        world.run_to_the_end();
        assert_eq!(world.bodies(), calm, "seed {seed}: {}", world.story());
    }
}

#[test]
fn whatever_fails_each_over_purchased_order_alerts_with_one_body() {
    faults_change_nothing(&(0..1), Faults::all());
}

/// The clock is off by more than anything is ever read late.
#[test]
fn a_clock_far_ahead_ends_nobodys_book_whatever_is_killed() {
    let faults = Faults {
        lost_tokens: false,
        ..Faults::all()
    };
    faults_change_nothing(&(600_000_000..7_200_000_000), faults);
}

/// The clock is off by so little that a later reading believes what the first one did not.
#[test]
fn a_clock_a_little_ahead_ends_nobodys_book_at_a_second_reading() {
    for seed in seeds() {
        let market = Market::generate(seed, 2_000_000..60_000_000);
        let faults = Faults {
            prompt: true,
            crashes: true,
            hand_overs: true,
            ..Faults::default()
        };
        let mut world = World::new(market.clone(), seed, faults);
        world.run_to_the_end();
        let alerted: Vec<_> = world.bodies().into_keys().collect();
        assert_eq!(
            alerted,
            market.over_purchased(),
            "seed {seed}: {}",
            world.story()
        );
    }
}

#[test]
fn handing_over_gracefully_repeats_nothing() {
    for seed in seeds() {
        let market = Market::generate(seed, 0..1);
        let mut world = World::new(
            market,
            seed,
            Faults {
                hand_overs: true,
                ..Faults::default()
            },
        );
        world.run_to_the_end();
        let published = world.published();
        assert_eq!(
            published,
            world.bodies().len(),
            "seed {seed}: {}",
            world.story()
        );
    }
}

#[test]
fn a_crash_repeats_only_what_was_not_recorded() {
    let (mut repeated, mut crashes) = (0, 0);
    for seed in seeds() {
        let market = Market::generate(seed, 0..1);
        let mut world = World::new(
            market,
            seed,
            Faults {
                crashes: true,
                ..Faults::default()
            },
        );
        world.run_to_the_end();
        repeated += world.published() - world.bodies().len();
        crashes += world.crashes();
    }
    // Without suppression each crash repeats all alerts of the books still open.
    assert!(
        crashes == 0 || repeated < crashes,
        "{repeated} repeats after {crashes} crashes"
    );
}
