//! Retention took messages that nobody has read.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{InLine, Outcome, on_a_stage, on_each_release, until};

use crate::scene::{Scene, closing};

const SMALL: [&str; 2] = ["shard_segment_bytes=100000", "shard_max_bytes=300000"];

#[test]
fn a_gap_is_said_with_its_size_and_counted_and_later_orders_alert() -> Outcome {
    on_each_release(|stage| {
        let scene = Scene::open(stage, 1, &SMALL)?;
        scene.over_purchase_all("before", 0..10)?;
        let owner = scene.owner(&[])?;
        scene.alerts()?;
        owner.terminate()?.successful()?;
        let resume = resume_offset(&scene)?;

        // Lines that are no trades, until the place to resume at is far behind.
        let filler = "x".repeat(10_000);
        let oldest = until("retention passes the place to resume at", || {
            for _ in 0..20 {
                scene.publish_into(0, filler.clone()).ok()?;
            }
            oldest_offset(&scene)
                .ok()
                .filter(|oldest| *oldest > resume + 10)
        })?;
        let mut owner = scene.owner(&[])?;
        owner.says("GAP")?;
        let log = owner.log();
        let line = log.lines().find(|line| line.contains("GAP"));
        let line = line.context("a line")?;
        let missing = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("missing="));
        let size: u64 = missing.context("its size")?.parse()?;
        // Retention may have gone on before the owner came.
        let sizes = oldest - resume..=oldest_offset(&scene)? - resume;
        ensure!(
            line.contains("ERROR") && sizes.contains(&size),
            "{sizes:?}: {line}"
        );
        let orders = scene.over_purchase_all("after", 0..10)?;
        scene.same_orders(&scene.alerts()?, &orders)?;
        let ended = owner.terminate()?.successful()?;
        ensure!(
            closing(&ended.log, "lost_to_retention")? == size,
            "{}",
            ended.log
        );
        Ok(())
    })
}

#[test]
fn a_stream_that_keeps_everything_has_no_gap_however_often_its_owner_changes() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        // Many segments, and entries of the broker's own between the messages.
        let scene = Scene::open(stage, 1, &["shard_segment_bytes=100000"])?;
        let filler = "x".repeat(5_000);
        for round in 0..4 {
            let owner = scene.owner(&["--ttl", "1s"])?;
            let orders = scene.over_purchase_all(&format!("round {round}"), 0..10)?;
            for _ in 0..30 {
                scene.publish_into(0, filler.clone())?;
            }
            scene.same_orders(&scene.alerts()?, &orders)?;
            let ended = owner.terminate()?.successful()?;
            ensure!(!ended.log.contains("GAP"), "{}", ended.log);
            ensure!(
                closing(&ended.log, "lost_to_retention")? == 0,
                "{}",
                ended.log
            );
        }
        Ok(())
    })
}

/// Where a new owner would begin to read.
fn resume_offset(scene: &Scene) -> Result<u64> {
    let mut witness = InLine::join(&scene.stage.vhost().url(), &scene.progress(0))?;
    let tokens = witness.take()?;
    witness.leave()?;
    let offset = |token: &Vec<u8>| {
        let token: Value = serde_json::from_slice(token).ok()?;
        token["resume_offset"].as_u64()
    };
    tokens.iter().filter_map(offset).max().context("a token")
}

fn oldest_offset(scene: &Scene) -> Result<u64> {
    let oldest = scene.amqp.read_stream(&scene.stream(0), 1)?.remove(0);
    Ok(oldest.header("x-stream-offset").parse()?)
}
