//! A broker that breaks down while it is declared to.

use anyhow::ensure;
use private_broker::{PrivateBroker, Release};
use serde_json::Value;
use tests::{Outcome, on_a_stage_with_its_broker};

#[test]
fn a_broker_that_dies_half_way_what_was_done_and_what_not_is_told() -> Outcome {
    half_way(|broker| Ok(broker.kill()?))
}

#[test]
fn timeouts_a_broker_that_freezes_half_way_is_given_up_and_what_was_done_is_told() -> Outcome {
    // Its sockets stay open: after two heartbeats of six seconds it is lost.
    half_way(|broker| Ok(broker.pause()?))
}

/// Applies 20,000 queues, and something happens to the broker in the third batch.
fn half_way(fault: impl Fn(&mut PrivateBroker) -> Outcome) -> Outcome {
    on_a_stage_with_its_broker(Release::Installed, |stage, broker| {
        let file = stage.file(
            "t.toml",
            "[queue.\"q${i}\"]\nfor.i = \"0..20000\"\ntype = \"classic\"\n",
        )?;
        let start = stage.program("declare")?.env("ALDEBARAN_TOPOLOGY", file);
        let start = start.args(["apply", "--yes", "--output", "json"]);
        let start = start.env("ALDEBARAN_MANAGEMENT_URL", broker.management()?.url());
        let vhost = stage.vhost().name();
        let guest = broker.url().replace("/%2f", &format!("/{vhost}"));
        let running = start.env("ALDEBARAN_AMQP_URL", guest).start()?;
        // The first batch is done then, and the program knows.
        let second_batch = format!("/queues/{vhost}/q1500");
        tests::until("some queues are there", || {
            broker.management().ok()?.get(&second_batch).ok()
        })?;
        fault(broker)?;
        let ended = running.finish(tests::PATIENCE)?.with_code(1)?;
        let told: Value = serde_json::from_str(&ended.output)?;
        let count = |word: &str| told["summary"][word].as_u64().unwrap_or_default();
        ensure!(told["version"] == 1 && told["broken"].is_string());
        ensure!(
            count("created") > 0 && count("not_tried") > 0,
            "{}",
            told["summary"]
        );
        ensure!(count("created") + count("not_tried") == 20_000);
        ensure!(
            ended.log.contains("it is safe to run again"),
            "{}",
            ended.log
        );
        // Nobody waits for the end of so large a vhost.
        Ok(broker.kill()?)
    })
}
