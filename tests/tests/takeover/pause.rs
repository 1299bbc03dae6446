//! An auditor sleeps until nobody counts on it any more, and wakes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use private_broker::Release;
use tests::{Outcome, on_a_stage, until};
use topology::names::AUDITORS;

use crate::scene::{Scene, has, order_of};

#[test]
fn a_paused_auditor_that_wakes_after_others_took_its_shards_does_no_harm() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        // Without routers: a paused one would hold trades of the front door back, no more.
        let mut sleeper = scene.owner(&["--no-router"])?;
        until("it has all", || {
            (0..2).all(|shard| has(&sleeper, shard)).then_some(())
        })?;
        let mut orders = until_progress_is_recorded(&scene, "before")?;
        let mut alerts = scene.alerts()?;
        // Paused in the middle of work: what it read last is neither confirmed nor recorded.
        orders.extend(scene.over_purchase_all("while it falls asleep", 0..200)?);
        sleeper.pause()?;
        orders.extend(scene.over_purchase_all("asleep", 0..50)?);
        let mut other = scene.auditor(&["--no-router"])?;
        until("the other has all", || {
            (0..2).all(|shard| has(&other, shard)).then_some(())
        })?;
        alerts.extend(scene.alerts()?);
        sleeper.resume()?;
        orders.extend(scene.over_purchase_all("awake", 0..50)?);
        sleeper.says("beginning another")?;
        scene.amqp.has_consumers(AUDITORS, 2)?;
        orders.extend(until_progress_is_recorded(&scene, "together")?);
        alerts.extend(scene.alerts()?);
        // The one that slept gets its shards again, with the word of the one that did not.
        other.kill()?;
        until("the sleeper has taken both over twice", || {
            (sleeper.log().matches("took over").count() >= 4).then_some(())
        })?;
        orders.extend(scene.over_purchase_all("alone again", 0..50)?);
        alerts.extend(scene.alerts()?);
        let repeated = scene.same_orders(&alerts, &orders)?;
        eprintln!("{} alerts, {repeated} repeated", orders.len());
        let mut asleep = BTreeSet::new();
        for alert in &alerts {
            let order = order_of(alert)?;
            let again = order.starts_with("asleep") && !asleep.insert(order.clone());
            ensure!(!again, "{order} was recorded as emitted and came again");
        }
        sleeper.terminate()?.successful().map(drop)
    })
}

/// Over-purchases orders for long enough that progress is recorded, which happens each second.
fn until_progress_is_recorded(scene: &Scene<'_>, name: &str) -> Result<BTreeSet<String>> {
    let (began, mut orders) = (Instant::now(), BTreeSet::new());
    for number in 0.. {
        orders.extend(scene.over_purchase_all(name, number..number + 1)?);
        if began.elapsed() > Duration::from_millis(2500) {
            break;
        }
    }
    Ok(orders)
}
