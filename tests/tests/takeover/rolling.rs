//! All auditors are started anew, one after the other.

use std::time::Duration;

use anyhow::ensure;
use private_broker::Release;
use tests::{Outcome, Program, on_a_stage, until};
use topology::names::AUDITORS;

use crate::scene::{ALERTS, Scene, has};

#[test]
fn a_rolling_restart_under_load_misses_nothing_and_repeats_nothing() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 4, &[])?;
        let mut auditors = Vec::new();
        for _ in 0..3 {
            auditors.push(scene.auditor(&[])?);
        }
        each_shard_has_an_owner(&auditors)?;
        let load = ["--to", "shards", "--rate", "4000", "--trades", "32k"];
        let mut publisher = scene.publisher(&load)?.start()?;
        until("alerts come", || {
            (scene.amqp.counts(ALERTS).ok()?.0 > 50).then_some(())
        })?;
        for _ in 0..3 {
            let ended = auditors.remove(0).terminate()?.successful()?;
            ensure!(!ended.log.contains("left to the next owner"));
            auditors.push(scene.auditor(&[])?);
            scene.amqp.has_consumers(AUDITORS, 3)?;
            each_shard_has_an_owner(&auditors)?;
        }
        ensure!(publisher.is_running()?, "the load ended before the restart");
        publisher.finish(Duration::from_secs(30))?.successful()?;
        let alerts = scene.alerts()?;
        scene.same_alerts(alerts.iter().map(|alert| alert.body.as_slice()))
    })
}

fn each_shard_has_an_owner(auditors: &[Program]) -> Outcome {
    until("each shard has an owner", || {
        let owned = |shard| auditors.iter().any(|auditor| has(auditor, shard));
        (0..4).all(owned).then_some(())
    })
}
