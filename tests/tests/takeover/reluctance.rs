//! Somebody is in the roster who does not stand in the line for the shards.

use std::time::{Duration, Instant};

use anyhow::ensure;
use private_broker::Release;
use tests::{InLine, Outcome, Program, on_a_stage, until};
use topology::names::AUDITORS;

use crate::scene::{Scene, has};

/// Longer than two counts of the roster, after which a shard else is given back.
const RELUCTANCE: Duration = Duration::from_secs(6);

#[test]
fn a_shard_that_came_straight_back_is_kept_for_a_while_before_it_is_given_back_again() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        let owner = scene.auditor(&["--reluctance", "6s"])?;
        until("it has all", || {
            (0..2).all(|shard| has(&owner, shard)).then_some(())
        })?;
        let stranger = InLine::join(&stage.vhost().url(), AUDITORS)?;
        until("it gives a share back", || {
            (times(&owner, "fair share") == 1).then_some(())
        })?;
        let asked = Instant::now();
        until("which comes straight back", || {
            (times(&owner, "took over") == 3).then_some(())
        })?;
        until("it tries again", || {
            (times(&owner, "fair share") == 2).then_some(())
        })?;
        let kept = asked.elapsed();
        eprintln!("kept for {} ms", kept.as_millis());
        // The roster is counted once a second.
        ensure!(kept + Duration::from_secs(1) > RELUCTANCE, "{kept:?}");
        stranger.leave()?;
        until("all shards are owned", || {
            (0..2).all(|shard| has(&owner, shard)).then_some(())
        })?;
        let orders = scene.over_purchase_all("order", 0..10)?;
        scene.same_orders(&scene.alerts()?, &orders).map(drop)
    })
}

fn times(auditor: &Program, words: &str) -> usize {
    auditor.log().matches(words).count()
}
