//! A shard's stream is unbound for moments while trades are on their way to it: the broker
//! returns what it can route nowhere, among confirms of what other shards took.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use private_broker::Release;
use serde_json::json;
use tests::{Binding, Outcome, on_a_stage, until};
use topology::names::{TRADE_DATA, shards_exchange};

use crate::front_door::all_stand_in_the_shards;
use crate::scene::Scene;

const SHARDS: u32 = 2;

#[test]
fn a_publisher_repeats_what_was_returned_and_nothing_is_lost() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, SHARDS, &[])?;
        let trades = make_trades(&scene)?;
        let publisher = scene.program("publisher")?.args(["--to", "shards"]);
        let publisher = publisher.args(["--rate", "20k", "--batch", "2"]);
        let mut publisher = publisher.arg("--file").arg(&trades).start()?;
        unbind_and_bind_while(&scene, || publisher.is_running())?;
        let ended = publisher.finish(Duration::from_secs(30))?.successful()?;
        ensure!(ended.log.contains("returned the message"), "{}", ended.log);
        all_stand_in_the_shards(&scene, &trades)
    })
}

#[test]
fn a_router_repeats_what_was_returned_and_nothing_is_lost() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, SHARDS, &[])?;
        let trades = make_trades(&scene)?;
        let router = scene.owner(&[])?;
        let publisher = scene.program("publisher")?.args(["--to", "front-door"]);
        let publisher = publisher.args(["--rate", "20k"]);
        let mut publisher = publisher.arg("--file").arg(&trades).start()?;
        unbind_and_bind_while(&scene, || publisher.is_running())?;
        publisher.finish(Duration::from_secs(30))?.successful()?;
        until("the front door is empty", || {
            (scene.amqp.counts(TRADE_DATA).ok()?.0 == 0).then_some(())
        })?;
        let ended = router.terminate()?.successful()?;
        ensure!(ended.log.contains("returned the message"), "{}", ended.log);
        all_stand_in_the_shards(&scene, &trades)
    })
}

fn make_trades(scene: &Scene) -> Result<PathBuf> {
    let file = scene.stage.folder().join("trades.jsonl");
    let publisher = scene.publisher(&["--trades", "60k"])?;
    publisher.arg("--output").arg(&file).run()?.successful()?;
    Ok(file)
}

/// Takes the binding of shard 0 away and makes it again, every tenth of a second.
fn unbind_and_bind_while(scene: &Scene, mut goes_on: impl FnMut() -> Result<bool>) -> Outcome {
    let (exchange, stream) = (shards_exchange(SHARDS), scene.stream(0));
    let binding = Binding {
        exchange: &exchange,
        routing_key: "0",
        queue: &stream,
        arguments: &[("x-stream-partition-order", json!(0))],
    };
    let began = Instant::now();
    let mut rounds = 0;
    while goes_on()? {
        let round = began.elapsed().as_millis() / 100;
        if round > rounds {
            rounds = round;
            if rounds % 2 == 1 {
                scene.amqp.unbind(&binding)?;
            } else {
                scene.amqp.bind(&binding)?;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    scene.amqp.bind(&binding)?;
    eprintln!("unbound and bound {rounds} times");
    ensure!(rounds > 4, "the load was over too early");
    Ok(())
}
