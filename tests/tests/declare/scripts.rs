//! What scripts rely on: exit codes, JSON, and no questions.

use anyhow::ensure;
use private_broker::{Release, free_port};
use serde_json::Value;
use tests::Outcome;

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
