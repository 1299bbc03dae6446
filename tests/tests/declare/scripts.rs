//! What scripts rely on: exit codes, JSON, and no questions.

use anyhow::ensure;
use private_broker::{PrivateBroker, Release, free_port};
use serde_json::Value;
use tests::{Outcome, on_a_stage_with_its_broker};

use crate::world::{on, on_each};

#[test]
fn exit_codes_a_script_without_yes_gets_2_and_nothing_is_changed() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let told = world.declare(&["apply"], 2)?.log;
        ensure!(told.contains("say --yes"), "{told}");
        ensure!(world.list("queues")?.is_empty());
        Ok(())
    })
}

#[test]
fn exit_codes_a_broker_that_is_away_is_1_whichever_way_it_is_asked() -> Outcome {
    on(Release::Installed, |world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let nobody = free_port()?;
        let amqp = format!("amqp://guest:a-s3cret@127.0.0.1:{nobody}/");
        let away = world.start()?.env("ALDEBARAN_AMQP_URL", amqp);
        let away = away.arg("plan").run()?.with_code(1)?.log;
        ensure!(!away.contains("s3cret"), "{away}");
        let http = format!("http://u:a-s3cret@127.0.0.1:{nobody}/");
        let away = world.start()?.env("ALDEBARAN_MANAGEMENT_URL", http);
        let away = away.arg("plan").run()?.with_code(1)?.log;
        ensure!(!away.contains("s3cret"), "{away}");
        ensure!(away.contains("rabbitmq_management"), "{away}");
        Ok(())
    })
}

#[test]
fn exit_codes_the_management_api_of_another_broker_is_refused() -> Outcome {
    on(Release::Installed, |world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let other = tests::shared_broker(Release::Debian13)?.management()?.url();
        let start = world.start()?.env("ALDEBARAN_MANAGEMENT_URL", other);
        let told = start.arg("plan").run()?.with_code(1)?.log;
        ensure!(told.contains("belongs to cluster"), "{told}");
        Ok(())
    })
}

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
        let vhost = format!("/{}", stage.vhost().name());
        let guest = broker.url().replace("/%2f", &vhost);
        let running = start.env("ALDEBARAN_AMQP_URL", guest).start()?;
        // The first batch is done then, and the program knows.
        tests::until("some queues are there", || {
            let listed = stage.vhost().list("queues").ok()?;
            listed.contains("\"q1500\"").then_some(())
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

#[test]
fn check_tells_all_problems_in_json_and_what_a_version_rejects() -> Outcome {
    on(Release::Installed, |world| {
        world.topology("[queue.q]\ntype = \"clasic\"\n[queue.r]\ntype = \"x\"")?;
        let told = world.declare(&["check", "--output", "json"], 2)?.output;
        let told: Value = serde_json::from_str(&told)?;
        ensure!(
            told["problems"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
        );
        ensure!(told["problems"][0]["line"] == 2, "{told}");
        world.topology("[queue.q]\ntype = \"classic\"\narguments.x-queue-mode = \"lazy\"")?;
        world.declare(&["check", "--target", "4.0"], 0)?;
        let told = world.declare(&["check", "--target", "4.3"], 2)?.log;
        ensure!(
            told.contains("t.toml:1") && told.contains("x-queue-mode"),
            "{told}"
        );
        world.declare(&["check", "--target", "5.0"], 2)?;
        Ok(())
    })
}
