//! As many objects as make others slow.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{Outcome, on_a_stage_with_its_broker};

/// Long, because the machine may be busy: `target/release/declares` is what measures.
const PATIENCE: Duration = Duration::from_secs(150);

/// More memory than this is not flat: 10,000 queues and bindings take some tens of MB.
const MOST_BYTES: u64 = 200_000_000;

#[test]
fn slowness_at_scale_ten_thousand_queues_are_planned_applied_and_in_sync() -> Outcome {
    on_a_stage_with_its_broker(Release::Installed, |stage, broker| {
        let file = stage.file(
            "t.toml",
            "[exchange.e]\ntype = \"direct\"\n[queue.\"q${i}\"]\nfor.i = \"0..10000\"\n\
             type = \"classic\"\narguments.x-max-length = 1000\n\
             bindings = [{ from = \"e\", key = \"q${i}\" }]\n[manage]\nqueues = \"*\"\n",
        )?;
        let vhost = format!("/{}", stage.vhost().name());
        let guest = broker.url().replace("/%2f", &vhost);
        let run = |arguments: &[&str], code: i32| -> Result<Value> {
            let start = stage.program("declare")?.env("ALDEBARAN_TOPOLOGY", &file);
            let start = start.env("ALDEBARAN_MANAGEMENT_URL", broker.management()?.url());
            let start = start.env("ALDEBARAN_AMQP_URL", &guest);
            let start = start.args(arguments).args(["--output", "json"]);
            let mut running = start.start()?;
            let peak = running.peak_bytes(PATIENCE)?;
            ensure!(peak < MOST_BYTES, "{arguments:?} took {peak} bytes");
            let ended = running.finish(PATIENCE)?.with_code(code)?;
            Ok(serde_json::from_str(&ended.output)?)
        };
        let planned = run(&["plan"], 10)?;
        let entries = planned["entries"].as_array().context("entries")?;
        ensure!(entries.len() == 20_001, "{}", entries.len());
        let applied = run(&["apply", "--yes"], 0)?;
        ensure!(applied["summary"]["created"] == 20_001);
        let in_sync = run(&["plan"], 0)?;
        ensure!(in_sync["in_sync"] == 20_001, "{}", in_sync["in_sync"]);
        ensure!(in_sync["entries"].as_array().is_some_and(Vec::is_empty));
        let again = run(&["apply"], 0)?;
        ensure!(again["summary"]["created"] == 0);
        // One among ten thousand.
        let change = format!("/queues/{}/q4711", stage.vhost().name());
        broker.management()?.delete(&change)?;
        let missing = run(&["plan"], 10)?;
        ensure!(missing["in_sync"] == 19_999, "{}", missing["in_sync"]);
        // Nobody waits for the end of so large a vhost.
        Ok(broker.kill()?)
    })
}
