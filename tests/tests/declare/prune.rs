//! Only what the file owns is destroyed, and nothing that is not empty.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{Outcome, until};

use crate::world::{World, on_each};

const OWNS: &str = r#"
[exchange.e]
type = "direct"
[queue.q]
type = "classic"
bindings = [{ from = "e", key = "a" }]
[manage]
queues = "q*"
exchanges = "e*"
policies = "q*"
"#;

fn names(world: &World<'_>, kind: &str) -> anyhow::Result<Vec<String>> {
    let name = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> = world.list(kind)?.iter().map(name).collect();
    names.sort();
    Ok(names)
}

#[test]
fn prune_a_queue_with_messages_stays_until_its_loss_is_asked_for() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        world.declare(&["apply", "--yes"], 0)?;
        let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        world.put("queues", "q-full", r#"{"durable":true}"#)?;
        world.put("queues", "q-full-quorum", quorum)?;
        world.put("queues", "q-empty", r#"{"durable":true}"#)?;
        world.put("queues", "q-empty-quorum", quorum)?;
        let amqp = world.stage.amqp()?;
        amqp.publish("", "q-full", "1")?;
        amqp.publish("", "q-full-quorum", "1")?;
        let planned = world.plan(12)?;
        let entries = planned["entries"].as_array().context("entries")?;
        let full = entries.iter().find(|one| one["name"] == "q-full");
        let counts = &full.context("q-full is in the plan")?["counts"];
        ensure!(counts["messages"] == 1, "{counts}");
        let pruned = world.declare(&["prune", "--yes"], 12)?.output;
        ensure!(pruned.contains("2 destroyed, 2 kept"), "{pruned}");
        ensure!(names(world, "queues")? == ["q", "q-full", "q-full-quorum"]);
        ensure!(amqp.counts("q-full")?.0 == 1, "the message is gone");
        world.declare(&["prune", "--yes", "--even-if-not-empty"], 0)?;
        ensure!(names(world, "queues")? == ["q"]);
        Ok(())
    })
}

#[test]
fn fear_of_losing_messages_apply_destroys_nothing_whatever_the_file_leaves_out() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        world.declare(&["apply", "--yes"], 0)?;
        world.stage.amqp()?.publish("", "q", "kept")?;
        world.topology("[manage]\nqueues = \"q*\"\nexchanges = \"e*\"")?;
        let before = world.stage.objects()?;
        world.declare(&["apply", "--yes"], 0)?;
        ensure!(world.stage.objects()? == before);
        // And a person's consent cannot be had in a script without --yes.
        let asked = world.declare(&["prune"], 2)?.log;
        ensure!(asked.contains("--yes"), "{asked}");
        ensure!(world.stage.objects()? == before);
        Ok(())
    })
}

#[test]
fn stale_bindings_that_amqp_cannot_list_are_found_and_only_they_are_pruned() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        world.declare(&["apply", "--yes"], 0)?;
        let before = world.stage.objects()?;
        let stale = r#"{"routing_key":"old","arguments":{"n":1,"l":["a",2]}}"#;
        world.bind("e", "q", stale)?;
        world.bind("e", "q", r#"{"routing_key":"a","arguments":{"n":1}}"#)?;
        let pending = world.pending(12)?;
        let expected = [
            "destroy binding e -> q (key \"old\")",
            "destroy binding e -> q (key \"a\")",
        ];
        ensure!(pending == expected, "{pending:?}");
        world.declare(&["prune", "--yes"], 0)?;
        ensure!(world.stage.objects()? == before);
        Ok(())
    })
}

#[test]
fn an_exchange_that_others_are_bound_to_is_kept() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        world.put("exchanges", "e-old", r#"{"type":"fanout","durable":true}"#)?;
        world.put("queues", "theirs", r#"{"durable":true}"#)?;
        world.bind("e-old", "theirs", "{}")?;
        world.declare(&["apply", "--yes"], 0)?;
        let pruned = world.declare(&["prune", "--yes"], 12)?.output;
        ensure!(pruned.contains("what the file does not own: 1"), "{pruned}");
        ensure!(names(world, "exchanges")?.contains(&"e-old".to_owned()));
        Ok(())
    })
}

#[test]
fn without_a_scope_nothing_can_be_pruned() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let told = world.declare(&["prune", "--yes"], 2)?.log;
        ensure!(told.contains("[manage]"), "{told}");
        Ok(())
    })
}

#[test]
fn prune_a_queue_with_consumers_stays_until_that_is_asked_for() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        world.put("queues", "q-busy", r#"{"durable":true}"#)?;
        world.put("queues", "q-busy-quorum", quorum)?;
        let amqp = world.stage.amqp()?;
        let consumers = [amqp.attend("q-busy")?, amqp.attend("q-busy-quorum")?];
        let planned = world.plan(12)?;
        let entries = planned["entries"].as_array().context("entries")?;
        let doomed = entries.iter().filter(|one| one["action"] == "destroy");
        let counts: Vec<&Value> = doomed.map(|one| &one["counts"]).collect();
        ensure!(counts.len() == 2, "{planned}");
        for counts in counts {
            ensure!(
                counts["messages"] == 0 && counts["consumers"] == 1,
                "{counts}"
            );
        }
        world.declare(&["prune", "--yes"], 12)?;
        let there = names(world, "queues")?;
        ensure!(there == ["q-busy", "q-busy-quorum"], "{there:?}");
        // Gone consumers are in nobody's way, whatever the statistics still say.
        drop(consumers);
        amqp.has_consumers("q-busy", 0)?;
        amqp.has_consumers("q-busy-quorum", 0)?;
        let _again = amqp.attend("q-busy")?;
        let told = world.declare(&["prune", "--yes"], 12)?.output;
        ensure!(told.contains("1 destroyed, 1 kept"), "{told}");
        world.declare(&["prune", "--yes", "--even-if-not-empty"], 0)?;
        ensure!(names(world, "queues")?.is_empty());
        Ok(())
    })
}

#[test]
fn prune_a_message_that_somebody_holds_unacknowledged_keeps_its_queue() -> Outcome {
    on_each(|world| {
        world.topology(OWNS)?;
        world.put("queues", "q-held", r#"{"durable":true}"#)?;
        let amqp = world.stage.amqp()?;
        amqp.publish("", "q-held", "1")?;
        let held = amqp.hold("q-held")?;
        // Neither ready nor with a consumer: only the statistics know it, some seconds later.
        ensure!(amqp.counts("q-held")? == (0, 0));
        until("the statistics know the message", || {
            let queues = world.list("queues").ok()?;
            let one = queues.iter().find(|one| one["name"] == "q-held")?;
            (one["messages_unacknowledged"] == 1).then_some(())
        })?;
        let told = world.declare(&["prune", "--yes"], 12)?.output;
        ensure!(told.contains("it holds 1 message"), "{told}");
        drop(held);
        ensure!(amqp.take("q-held", 1)?.len() == 1);
        Ok(())
    })
}
