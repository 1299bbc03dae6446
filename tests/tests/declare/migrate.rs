//! `declare apply --migrate`: queues made anew, with every binding and every message.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use private_broker::Release;
use serde_json::json;
use tests::{Amqp, Outcome, binary};

use crate::world::{World, on, on_each};

/// More than one batch of the mover.
const MESSAGES: usize = 600;

const OLD: &str = r#"{"durable":true,"arguments":{"x-max-priority":5}}"#;

const WANTED: &str = r##"
[exchange.in]
type = "topic"
[queue.orders]
type = "quorum"
bindings = [{ from = "in", key = "of.the.file" }]
"##;

/// The crash points, in their order. `unbound-again` and those before stand for a broker that
/// has both queues.
const POINTS: [&str; 12] = [
    "made",
    "bound",
    "unbound",
    "moving",
    "emptied",
    "deleted",
    "declared",
    "bound-again",
    "unbound-again",
    "returning",
    "returned",
    "cleaned",
];

#[test]
fn recreating_a_queue_loses_no_binding_and_no_message_classic_to_quorum() -> Outcome {
    on_each(|world| {
        let amqp = old_queue(world)?;
        let migrated = world.declare(&["apply", "--migrate", "--yes"], 0)?;
        ensure!(migrated.log.contains("migrated"), "{}", migrated.log);
        let messages = came_back(world, &amqp)?;
        ensure!(
            messages == MESSAGES,
            "{messages} messages instead of {MESSAGES}"
        );
        Ok(())
    })
}

#[test]
fn a_migration_killed_at_each_step_loses_nothing_and_goes_on() -> Outcome {
    for release in [Release::Installed, Release::Debian13] {
        let tried: Vec<Outcome> = thread::scope(|scope| {
            let start = |point: &'static str| {
                let named = thread::Builder::new().name(format!("killed-{point}"));
                named.spawn_scoped(scope, move || on(release, |world| killed(world, point)))
            };
            let running: Vec<_> = POINTS.into_iter().map(start).collect();
            let end = |one: thread::ScopedJoinHandle<'_, Outcome>| {
                one.join().unwrap_or_else(|_| Err(anyhow!("it panicked")))
            };
            running
                .into_iter()
                .map(|one| one.map_err(Into::into).and_then(end))
                .collect()
        });
        for (point, outcome) in POINTS.iter().zip(tried) {
            outcome.with_context(|| format!("killed at {point} on {release:?}"))?;
        }
    }
    Ok(())
}

fn killed(world: &World<'_>, point: &str) -> Outcome {
    let amqp = old_queue(world)?;
    let program = binary("declare-crash-points")?;
    let arguments = ["apply", "--migrate", "--yes"];
    let crashing = world.start_of(program)?.args(arguments);
    let crashed = crashing.env("ALDEBARAN_CRASH_AT", point).run()?;
    ensure!(
        crashed.code.is_none(),
        "it did not come by {point}: {crashed:?}"
    );
    world.declare(&arguments, 0)?;
    let messages = came_back(world, &amqp)?;
    ensure!(messages >= MESSAGES, "{messages} messages of {MESSAGES}");
    Ok(())
}

#[test]
fn fear_of_losing_messages_is_met_with_a_reason() -> Outcome {
    on_each(|world| {
        world.put(
            "queues",
            "log",
            r#"{"durable":true,"arguments":{"x-queue-type":"stream"}}"#,
        )?;
        world.put("queues", "busy", r#"{"durable":true}"#)?;
        world.put("queues", "taken", r#"{"durable":true}"#)?;
        world.put("queues", "taken.migrating", r#"{"durable":true}"#)?;
        let amqp = world.stage.amqp()?;
        amqp.publish("", "taken", "kept")?;
        amqp.publish("", "taken.migrating", "not ours")?;
        world.topology(
            "[queue.\"${name}\"]\nfor.name = [\"log\", \"taken\"]\ntype = \"quorum\"\n[queue.busy]\ntype = \"classic\"",
        )?;
        let refused = world.declare(&["apply", "--migrate", "--yes"], 11)?.log;
        for reason in ["it is a stream", "another queue taken.migrating"] {
            ensure!(refused.contains(reason), "{refused}");
        }
        ensure!(amqp.counts("taken")?.0 == 1 && amqp.counts("taken.migrating")?.0 == 1);
        let kind = world
            .list("queues")?
            .iter()
            .any(|one| one["name"] == "log" && one["arguments"]["x-queue-type"] == "stream");
        ensure!(kind, "the stream should be left as it is");
        Ok(())
    })
}

/// A classic queue with messages and bindings of which the file knows nothing.
fn old_queue(world: &World<'_>) -> Result<Amqp> {
    world.put("exchanges", "in", r#"{"type":"topic","durable":true}"#)?;
    world.put("queues", "orders", OLD)?;
    for key in ["a.#", "b.*"] {
        let body = json!({ "routing_key": key, "arguments": { "n": 1 } });
        world.bind("in", "orders", &body.to_string())?;
    }
    world.topology(WANTED)?;
    let amqp = world.stage.amqp()?;
    for number in 0..MESSAGES {
        let number = number.to_string();
        amqp.publish_with(
            "in",
            &format!("a.{number}"),
            &number,
            &[("n", json!(number))],
        )?;
    }
    Ok(amqp)
}

/// Checks that nothing is missing and nothing is left over, and takes the messages.
fn came_back(world: &World<'_>, amqp: &Amqp) -> Result<usize> {
    let queues: Vec<String> = world
        .list("queues")?
        .iter()
        .map(|one| format!("{} {}", one["name"], one["arguments"]["x-queue-type"]))
        .collect();
    ensure!(queues == ["\"orders\" \"quorum\""], "{queues:?}");
    let left_over = world.list("exchanges")?;
    let left_over = left_over
        .iter()
        .any(|one| one["name"].to_string().contains("migrating"));
    ensure!(!left_over, "an exchange is left over");
    let bindings: BTreeSet<String> = world
        .list("bindings")?
        .iter()
        .filter(|one| one["source"] != "")
        .map(|one| {
            format!(
                "{} {} {}",
                one["destination"], one["routing_key"], one["arguments"]
            )
        })
        .collect();
    let expected = [
        r#""orders" "a.#" {"n":1}"#,
        r#""orders" "b.*" {"n":1}"#,
        r#""orders" "of.the.file" {}"#,
    ];
    ensure!(
        bindings == expected.map(str::to_owned).into(),
        "{bindings:?}"
    );
    let messages = amqp.drain("orders")?;
    let bodies: BTreeSet<&[u8]> = messages.iter().map(|one| one.body.as_slice()).collect();
    for number in 0..MESSAGES {
        let number = number.to_string();
        ensure!(
            bodies.contains(number.as_bytes()),
            "message {number} is lost"
        );
    }
    for message in &messages {
        let body = String::from_utf8_lossy(&message.body);
        ensure!(
            message.routing_key == format!("a.{body}"),
            "{} has the key {}",
            body,
            message.routing_key
        );
    }
    Ok(messages.len())
}
