//! Fair shares, spares, joining and leaving.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Outcome, Program, on_a_stage, within};
use topology::names::AUDITORS;

use crate::scene::{Scene, has};

/// How long a join or a leave may take to settle, on a busy machine.
const A_FEW_SECONDS: Duration = Duration::from_secs(8);

#[test]
fn joins_and_leaves_settle_to_fair_shares_and_a_spare_takes_over() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        let first = scene.auditor(&[])?;
        settles(&scene, &[&first], &[2])?;
        let second = scene.auditor(&[])?;
        settles(&scene, &[&first, &second], &[1, 1])?;
        ensure!(first.log().contains("fair share") && first.log().contains("handed over"));

        // More auditors than shards: one is a spare, and nobody gives anything back for it.
        let mut spare = scene.auditor(&[])?;
        scene.amqp.has_consumers(AUDITORS, 3)?;
        settles(&scene, &[&first, &second, &spare], &[0, 1, 1])?;
        ensure!(spare.is_running()?);

        let mut second = second;
        second.kill()?;
        drop(second);
        settles(&scene, &[&first, &spare], &[1, 1])?;
        let orders = scene.over_purchase_all("order", 0..10)?;
        scene.same_orders(&scene.alerts()?, &orders)?;

        let left = spare.terminate()?.successful()?;
        ensure!(left.log.contains("handed over"), "{}", left.log);
        settles(&scene, &[&first], &[2])
    })
}

#[test]
fn five_shards_among_three_auditors_are_two_two_and_one() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 5, &[])?;
        let first = scene.auditor(&[])?;
        settles(&scene, &[&first], &[5])?;
        let others = [scene.auditor(&[])?, scene.auditor(&[])?];
        settles(&scene, &[&first, &others[0], &others[1]], &[1, 2, 2])?;
        let orders = scene.over_purchase_all("order", 0..20)?;
        scene.same_orders(&scene.alerts()?, &orders).map(drop)
    })
}

/// Waits until each shard has one owner and the auditors have these numbers of them, in
/// whatever order; both by their own words and by the broker's.
fn settles(scene: &Scene, auditors: &[&Program], numbers: &[usize]) -> Result<()> {
    let held = || -> Vec<usize> {
        let of = |auditor: &&Program| (0..scene.shards).filter(|s| has(auditor, *s)).count();
        let mut held: Vec<_> = auditors.iter().map(of).collect();
        held.sort_unstable();
        held
    };
    let what = format!("the shards are shared {numbers:?}");
    within(A_FEW_SECONDS, &what, || {
        let one = |shard| scene.owners(shard).is_ok_and(|owners| owners == 1);
        (held() == numbers && (0..scene.shards).all(one)).then_some(())
    })
    .with_context(|| format!("they are shared {:?}", held()))
}
