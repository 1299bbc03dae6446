//! Without the management API: what AMQP tells, and no more.

use anyhow::ensure;
use tests::{Finished, Outcome};

use crate::world::{World, on_each};

const FILE: &str = r#"
[exchange.e]
type = "topic"
[queue.q]
type = "classic"
bindings = [{ from = "e", key = "a" }]
"#;

/// The owner of the vhost has no tag and may not use the management API.
fn over_amqp(world: &World<'_>, arguments: &[&str], code: i32) -> anyhow::Result<Finished> {
    let start = world.start()?.env("ALDEBARAN_MANAGEMENT_URL", "none");
    start.args(arguments).run()?.with_code(code)
}

#[test]
fn over_amqp_alone_nothing_is_ever_called_in_sync() -> Outcome {
    on_each(|world| {
        world.topology(FILE)?;
        over_amqp(world, &["plan"], 10)?;
        over_amqp(world, &["apply", "--yes"], 0)?;
        let before = world.stage.objects()?;
        let told = over_amqp(world, &["plan"], 13)?;
        ensure!(!told.output.contains("in sync"), "{}", told.output);
        for words in [
            "? unverified exchange  e",
            "? unverified queue     q",
            "? unverified binding   e -> q (key \"a\")",
            "not verified: whether it is there: AMQP cannot ask",
        ] {
            ensure!(told.output.contains(words), "{words}: {}", told.output);
        }
        ensure!(told.log.contains("no management API"), "{}", told.log);
        ensure!(world.stage.objects()? == before, "a plan changed something");
        Ok(())
    })
}

#[test]
fn over_amqp_alone_conflicts_come_in_the_brokers_words() -> Outcome {
    on_each(|world| {
        world.topology(FILE)?;
        let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        world.put("queues", "q", quorum)?;
        let told = over_amqp(world, &["plan"], 11)?.output;
        ensure!(told.contains("inequivalent arg 'x-queue-type'"), "{told}");
        Ok(())
    })
}

#[test]
fn over_amqp_alone_a_policy_is_refused_and_not_forgotten() -> Outcome {
    on_each(|world| {
        world.topology("[policy.p]\npattern = \"x\"\ndefinition.expires = 1000")?;
        over_amqp(world, &["plan"], 13)?;
        let told = over_amqp(world, &["apply", "--yes"], 1)?.output;
        ensure!(told.contains("there is no management API"), "{told}");
        Ok(())
    })
}
