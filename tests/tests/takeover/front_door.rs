//! The router is killed while trades come through the front door.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Outcome, on_a_stage, until};
use topology::names::TRADE_DATA;

use crate::scene::{Scene, distinct};

#[test]
fn a_router_killed_in_the_middle_of_a_load_loses_nothing() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        let file = stage.folder().join("trades.jsonl");
        let make = scene
            .publisher(&["--trades", "30k"])?
            .arg("--output")
            .arg(&file);
        make.run()?.successful()?;
        let auditor = scene.owner(&["--no-router"])?;
        let mut router = scene.auditor(&[])?;
        router.says("took over")?;
        let load = scene.program("publisher")?.args(["--to", "front-door"]);
        let mut load = load.arg("--file").arg(&file).start()?;
        let mut kills = 0;
        while kills < 5 && load.is_running()? {
            until("the router has work", || {
                let done = !load.is_running().ok()?;
                (done || scene.amqp.counts(TRADE_DATA).ok()?.0 > 0).then_some(())
            })?;
            router.kill()?;
            kills += 1;
            router = scene.auditor(&[])?;
            scene.amqp.has_consumers(TRADE_DATA, 1)?;
        }
        eprintln!("killed {kills} times");
        ensure!(kills > 1, "the load was over too early");
        load.finish(Duration::from_secs(30))?.successful()?;
        until("the front door is empty", || {
            (scene.amqp.counts(TRADE_DATA).ok()?.0 == 0).then_some(())
        })?;
        // A router that ends well has passed everything on.
        router.terminate()?.successful()?;
        let (bodies, _) = distinct(&scene.alerts()?)?;
        auditor.terminate()?.successful()?;

        all_stand_in_the_shards(&scene, &file)?;
        scene.same_alerts(bodies.values().map(Vec::as_slice))
    })
}

/// Fails if a trade of the file is in no shard's stream. No auditor should be at work.
pub(crate) fn all_stand_in_the_shards(scene: &Scene, file: &Path) -> Outcome {
    let trades = fs::read_to_string(file)?;
    let published: BTreeSet<_> = trades.lines().map(id_of).collect::<Result<_>>()?;
    let mut stand = BTreeSet::new();
    for shard in 0..scene.shards {
        for message in scene.amqp.read_whole_stream(&scene.stream(shard))? {
            for line in String::from_utf8(message.body)?.lines() {
                stand.insert(id_of(line)?);
            }
        }
    }
    let lost = published.difference(&stand).count();
    let (left, _) = scene.amqp.counts(TRADE_DATA)?;
    ensure!(
        lost == 0 && left == 0,
        "{lost} of {} trades are in no shard, {left} messages at the front door",
        published.len()
    );
    Ok(())
}

fn id_of(line: &str) -> Result<String> {
    let trade: serde_json::Value = serde_json::from_str(line)?;
    Ok(trade["id"].as_str().context("an id")?.to_owned())
}
