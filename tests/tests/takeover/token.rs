//! Progress tokens that are lost, doubled, damaged, or speak of another log.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{InLine, Outcome, Stage, on_a_stage, on_each_release, purge, until};

use crate::scene::{SECOND, Scene, now_us};

#[test]
fn a_lost_token_is_replaced_and_no_alert_is_missed() -> Outcome {
    on_each_release(|stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut orders = scene.over_purchase_all("a", 0..20)?;
        let mut owner = scene.owner(&[])?;
        let mut alerts = scene.alerts()?;
        owner.kill()?;
        let url = stage.vhost().url();
        let purged = until("the token is back in its queue", || {
            purge(&url, &scene.progress(0))
                .ok()
                .filter(|count| *count > 0)
        });
        purged?;
        orders.extend(scene.over_purchase_all("b", 0..20)?);
        let _owner = scene.owner(&[])?;
        alerts.extend(scene.alerts()?);
        scene.same_orders(&alerts, &orders).map(drop)
    })
}

#[test]
fn a_doubled_token_has_one_owner_and_no_alert_is_missed() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut alerts = after_one_owner(&scene)?;
        let old = token(stage, &scene, |token| token.to_vec())?;
        let mut orders = orders_of_the_first();
        let owner = scene.owner(&[])?;
        orders.extend(scene.over_purchase_all("b", 0..20)?);
        alerts.extend(scene.alerts()?);
        owner.terminate()?.successful()?;
        // An older one, and the newest once more.
        scene.amqp.publish("", &scene.progress(0), &old)?;
        let newest = token(stage, &scene, |token| token.to_vec())?;
        scene.amqp.publish("", &scene.progress(0), &newest)?;

        let owners = [scene.auditor(&[])?, scene.auditor(&[])?];
        scene.has_consumers(&scene.progress(0), 2)?;
        ensure!(scene.owners(0)? == 1);
        orders.extend(scene.over_purchase_all("c", 0..20)?);
        let after = scene.alerts()?;
        let had = |owner: &&tests::Program| owner.log().contains("took over");
        ensure!(owners.iter().filter(had).count() == 1, "two owners");
        alerts.extend(after);
        scene.same_orders(&alerts, &orders).map(drop)
    })
}

#[test]
fn garbage_for_a_token_is_said_and_no_alert_is_missed() -> Outcome {
    damaged(|_| b"\x00 no token".to_vec())
}

/// The digit flipped says that effects are published which are not: believed, it costs alerts.
#[test]
fn a_token_with_a_changed_digit_is_said_and_no_alert_is_missed() -> Outcome {
    damaged(|token| {
        let token = String::from_utf8_lossy(token);
        token
            .replace("\"emitted_offset\":", "\"emitted_offset\":9")
            .into_bytes()
    })
}

fn damaged(damage: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut alerts = after_one_owner(&scene)?;
        token(stage, &scene, damage)?;
        let mut orders = orders_of_the_first();
        orders.extend(scene.over_purchase_all("b", 0..20)?);
        let mut owner = scene.owner(&[])?;
        owner.says("ERROR")?;
        ensure!(owner.log().contains("a blank token takes its place"));
        alerts.extend(scene.alerts()?);
        scene.same_orders(&alerts, &orders)?;
        // The damaged one is gone for good.
        owner.terminate()?.successful()?;
        let healed = scene.owner(&[])?.terminate()?.successful()?;
        ensure!(!healed.log.contains("ERROR"), "{}", healed.log);
        Ok(())
    })
}

#[test]
fn a_token_of_a_longer_log_is_said_and_the_new_log_is_read_from_its_start() -> Outcome {
    made_again(5)
}

#[test]
fn a_token_of_another_log_is_said_and_the_new_log_is_read_from_its_start() -> Outcome {
    made_again(60)
}

/// The new log ends between the place to resume at and the last message that was read.
#[test]
fn a_token_of_a_somewhat_longer_log_is_said_and_the_new_log_is_read_from_its_start() -> Outcome {
    made_again(15)
}

/// A stream is deleted and declared again while nobody owns it, and gets so many messages.
fn made_again(messages: u32) -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let begin = now_us() - 3600 * SECOND;
        let owner = scene.owner(&["--ttl", "10s"])?;
        // Books of the first ten messages end, so that reading would resume behind them.
        scene.set_time(begin);
        scene.over_purchase_all("old", 0..10)?;
        scene.set_time(begin + 60 * SECOND);
        scene.over_purchase_all("old", 10..30)?;
        scene.alerts()?;
        owner.terminate()?.successful()?;
        let was = token(stage, &scene, |token| token.to_vec())?;
        let was: Value = serde_json::from_slice(&was)?;
        ensure!(
            was["resume_offset"] == 10 && was["read_offset"] == 30,
            "{was}"
        );

        scene.amqp.delete_queue(&scene.stream(0))?;
        scene.declare()?;
        scene.set_time(begin + 120 * SECOND);
        let orders = scene.over_purchase_all("new", 0..messages)?;
        let mut owner = scene.owner(&["--ttl", "10s"])?;
        owner.says("ERROR")?;
        owner.says("its start")?;
        scene.same_orders(&scene.alerts()?, &orders)?;
        let ended = owner.terminate()?.successful()?;
        ensure!(!ended.log.contains("GAP"), "{}", ended.log);
        Ok(())
    })
}

pub(crate) fn orders_of_the_first() -> std::collections::BTreeSet<String> {
    (0..20).map(|number| format!("a {number}")).collect()
}

/// The alerts of an owner that has come and gone.
pub(crate) fn after_one_owner(scene: &Scene) -> Result<Vec<tests::Message>> {
    scene.over_purchase_all("a", 0..20)?;
    let owner = scene.owner(&[])?;
    let alerts = scene.alerts()?;
    owner.terminate()?.successful()?;
    Ok(alerts)
}

/// Puts another token in the place of the newest one, while nobody owns the shard; gives the
/// one that was there.
fn token(stage: &Stage, scene: &Scene, change: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>> {
    let mut witness = InLine::join(&stage.vhost().url(), &scene.progress(0))?;
    let tokens = witness.take()?;
    let newest = tokens
        .iter()
        .max_by_key(|token| {
            let token: Value = serde_json::from_slice(token).unwrap_or_default();
            token["read_offset"].as_u64()
        })
        .context("a token")?;
    scene.amqp.publish("", &scene.progress(0), change(newest))?;
    witness.forget()?;
    witness.leave()?;
    Ok(newest.clone())
}
