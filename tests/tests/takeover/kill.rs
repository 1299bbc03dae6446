//! An auditor is killed with -9.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{InLine, Outcome, none_missed, on_a_stage, on_each_release, until};

use crate::scene::{ALERTS, Scene, closing, distinct, has, order_of};

#[test]
fn after_a_kill_the_other_takes_over_under_load_and_no_alert_is_missed() -> Outcome {
    on_each_release(|stage| {
        let scene = Scene::open(stage, 4, &[])?;
        let mut auditors = vec![scene.auditor(&[])?, scene.auditor(&[])?];
        let shared = |auditor| (0..4).filter(|shard| has(auditor, *shard)).count() == 2;
        until("each has its share", || {
            auditors.iter().all(shared).then_some(())
        })?;
        let load = ["--to", "shards", "--rate", "5000", "--trades", "20k"];
        let publisher = scene.publisher(&load)?.start()?;
        until("alerts come", || {
            (scene.amqp.counts(ALERTS).ok()?.0 > 50).then_some(())
        })?;
        auditors.remove(0).kill()?;
        let killed = Instant::now();
        let survivor = &auditors[0];
        until("the survivor has all shards", || {
            (0..4).all(|shard| has(survivor, shard)).then_some(())
        })?;
        let took = killed.elapsed();
        eprintln!("taken over after {} ms", took.as_millis());
        ensure!(took < Duration::from_secs(5), "{took:?}");
        publisher.finish(Duration::from_secs(30))?.successful()?;

        let (bodies, repeated) = distinct(&scene.alerts()?)?;
        eprintln!("{} alerts, {repeated} repeated", bodies.len());
        scene.same_alerts(bodies.values().map(Vec::as_slice))
    })
}

#[test]
fn effects_recorded_as_emitted_are_not_repeated_and_all_after_them_come() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut first = scene.owner(&["--no-router"])?;
        // The witness stands between the two and reads the token on its way.
        let mut witness = InLine::join(&stage.vhost().url(), &scene.progress(0))?;
        let second = scene.auditor(&["--no-router"])?;
        scene.has_consumers(&scene.progress(0), 3)?;

        let (began, mut orders) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_millis(2500) {
            scene.over_purchase_all("order", orders..orders + 1)?;
            orders += 1;
        }
        first.kill()?;
        let emitted = witness.take()?.into_iter().filter_map(|token| {
            let token: Value = serde_json::from_slice(&token).ok()?;
            token["emitted_offset"].as_u64()
        });
        let emitted = emitted.max().context("progress is recorded each second")?;
        witness.leave()?;
        let expected = scene.over_purchase_all("order", orders..orders + 50)?;
        let alerts = scene.alerts()?;
        let ended = second.terminate()?.successful()?;

        // One order a message: its number is its offset.
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        for alert in &alerts {
            let order = order_of(alert)?;
            let number = order.strip_prefix("order ").context("an order")?.parse()?;
            *times.entry(number).or_default() += 1;
        }
        let all = orders as usize + expected.len();
        let missed = (0..all as u64).filter(|number| !times.contains_key(number));
        let missed = missed.map(|number| format!("order {number}")).collect();
        none_missed(&scene.amqp, ALERTS, &missed)?;
        distinct(&alerts)?;
        let recorded = times.range(..=emitted);
        ensure!(recorded.clone().count() > 0, "nothing was recorded");
        let again: Vec<_> = recorded.filter(|(_, times)| **times > 1).collect();
        ensure!(
            again.is_empty(),
            "recorded up to {emitted}, and said again: {again:?}"
        );
        ensure!(
            closing(&ended.log, "suppressed")? > emitted,
            "{}",
            ended.log
        );
        Ok(())
    })
}
