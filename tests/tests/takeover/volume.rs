//! The engine's second application, beside the auditor on the same shards.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Message, Outcome, Start, binary, on_a_stage, purchase, repository, request, until};

use crate::scene::{SECOND, Scene, now_us};

const SHARDS: u32 = 2;
const STOCKS: [&str; 2] = ["AAPL", "MSFT"];

#[test]
fn a_second_machine_beside_the_auditor_tells_the_right_volumes_also_when_killed() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, SHARDS, &[])?;
        let topology = repository("crates/engine/examples/volume.toml");
        let topology = topology.to_string_lossy();
        stage.declare(&["--topology", &topology, "--set", "shards=2"])?;
        let volume = || -> Result<_> {
            let program = binary("examples/volume")?;
            let volume = Start::new("volume", program, stage.folder());
            let mut volume = volume
                .env("ALDEBARAN_AMQP_URL", stage.vhost().guest_url())
                .env("ALDEBARAN_TOPOLOGY", repository("topology.toml"))
                .args(["--set", "shards=2"])
                .start()?;
            volume.says("took over")?;
            Ok(volume)
        };
        let _auditor = scene.owner(&[])?;
        let mut worker = volume()?;

        // Windows begin at full ten seconds.
        let begin = (now_us() - 3600 * SECOND) / (10 * SECOND) * (10 * SECOND);
        let mut published = BTreeMap::new();
        let mut orders = std::collections::BTreeSet::new();
        for window in 0..4_i64 {
            scene.set_time(begin + window * 10 * SECOND);
            for number in 0..10 {
                let stock = STOCKS[number % 2];
                let shares = u64::try_from(window)? * 100 + number as u64 + 1;
                let order = format!("order {window} {number}");
                let trades = [
                    request(&order, 0).replace("AAPL", stock),
                    purchase(&order, &order, shares).replace("AAPL", stock),
                    // Again: counted once.
                    purchase(&order, &order, shares).replace("AAPL", stock),
                ];
                scene.publish(&order, &trades)?;
                *published
                    .entry((begin + window * 10 * SECOND, stock.to_owned()))
                    .or_insert(0) += shares;
                orders.insert(order);
            }
            if window == 1 {
                worker.kill()?;
                worker = volume()?;
            }
        }
        // Later log time closes the windows; a message to each shard brings it.
        scene.set_time(begin + 60 * SECOND);
        scene.same_orders(&scene.alerts()?, &orders)?;
        let mut reports = Vec::new();
        let told = until("all volumes are told", || {
            reports.extend(scene.amqp.drain("Aldebaran.Volume").ok()?);
            (volumes(&reports).ok()? == published).then_some(())
        });
        told.with_context(|| {
            format!("{published:?} were published, {:?} told", volumes(&reports))
        })?;
        worker.terminate()?.successful().map(drop)
    })
}

/// The shares told for each window and stock; the fences' own are left out.
fn volumes(reports: &[Message]) -> Result<BTreeMap<(i64, String), u64>> {
    let mut parts = BTreeMap::new();
    for report in reports {
        let report = report.json()?;
        let number = |field: &str| report[field].as_i64().context("a number");
        let stock = report["stock"].as_str().context("a stock")?.to_owned();
        let part = (number("window_us")?, stock, number("shard")?);
        let shares = u64::try_from(number("shares")?)?;
        // A part that comes again after a kill says the same.
        let before = parts.insert(part, shares);
        ensure!(before.is_none_or(|before| before == shares), "{report}");
    }
    let mut volumes = BTreeMap::new();
    for ((window, stock, _), shares) in parts {
        *volumes.entry((window, stock)).or_insert(0) += shares;
    }
    Ok(volumes)
}
