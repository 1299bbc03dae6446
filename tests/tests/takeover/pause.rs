//! An auditor sleeps until nobody counts on it any more, and wakes.

use anyhow::ensure;
use private_broker::Release;
use tests::{Outcome, on_a_stage, until};
use topology::names::AUDITORS;

use crate::scene::{Scene, has};

#[test]
fn a_paused_auditor_that_wakes_after_others_took_its_shards_does_no_harm() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        // Without routers: a paused one would hold trades of the front door back, no more.
        let mut sleeper = scene.owner(&["--no-router"])?;
        until("it has all", || {
            (0..2).all(|shard| has(&sleeper, shard)).then_some(())
        })?;
        let mut orders = scene.over_purchase_all("before", 0..20)?;
        let mut alerts = scene.alerts()?;
        // Paused in the middle of work: what it read last is neither confirmed nor recorded.
        orders.extend(scene.over_purchase_all("while it falls asleep", 0..200)?);
        sleeper.pause()?;
        orders.extend(scene.over_purchase_all("asleep", 0..50)?);
        let other = scene.auditor(&["--no-router"])?;
        until("the other has all", || {
            (0..2).all(|shard| has(&other, shard)).then_some(())
        })?;
        alerts.extend(scene.alerts()?);
        sleeper.resume()?;
        orders.extend(scene.over_purchase_all("awake", 0..50)?);
        sleeper.says("beginning another")?;
        scene.amqp.has_consumers(AUDITORS, 2)?;
        orders.extend(scene.over_purchase_all("together", 0..50)?);
        alerts.extend(scene.alerts()?);
        let repeated = scene.same_orders(&alerts, &orders)?;
        eprintln!("{} alerts, {repeated} repeated", orders.len());
        ensure!(sleeper.is_running()?);
        sleeper.terminate()?.successful()?;
        other.terminate()?.successful().map(drop)
    })
}
