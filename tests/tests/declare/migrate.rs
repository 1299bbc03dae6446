//! `declare apply --migrate`: queues made anew, with every binding and every message.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use private_broker::Release;
use serde_json::{Value, json};
use tests::{Amqp, Outcome, binary};

use crate::late::Late;
use crate::world::{World, on, on_each};

/// More than one batch of the mover.
const MESSAGES: usize = 600;

/// Between two messages that arrive during a migration.
const PACE: Duration = Duration::from_millis(2);

/// What the mover has in hand at a time.
const BATCH: usize = 256;

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
const POINTS: [&str; 16] = [
    "made",
    "bound",
    "unbound",
    "taken",
    "confirmed",
    "moving",
    "emptied",
    "deleted",
    "declared",
    "bound-again",
    "unbound-again",
    "taken-again",
    "confirmed-again",
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
    // What is confirmed in the one queue and not acknowledged in the other is in both: so the
    // acknowledgement comes after the confirm. Of one that was just written nobody knows whether
    // it went out.
    let expected = match point {
        "confirmed" | "confirmed-again" => MESSAGES + 1..=MESSAGES + BATCH,
        "moving" | "returning" => MESSAGES..=MESSAGES + BATCH,
        _ => MESSAGES..=MESSAGES,
    };
    ensure!(
        expected.contains(&messages),
        "{messages} messages and not {expected:?}"
    );
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

#[test]
fn fear_of_losing_messages_what_arrives_during_a_migration_is_there_in_the_end() -> Outcome {
    on_each(|world| {
        let amqp = old_queue(world)?;
        let others = world.stage.amqp()?;
        let stop = AtomicBool::new(false);
        let arrived: Result<usize> = thread::scope(|scope| {
            let publisher = thread::Builder::new().name("publisher".to_owned());
            let publishing = publisher.spawn_scoped(scope, || -> Result<usize> {
                let mut number = MESSAGES;
                while !stop.load(Ordering::Relaxed) {
                    let (key, body) = (format!("a.{number}"), number.to_string());
                    // Confirmed, and an error if no queue takes it.
                    others.publish("in", &key, &body)?;
                    number += 1;
                    thread::sleep(PACE);
                }
                Ok(number)
            })?;
            let migrated = world.declare(&["apply", "--migrate", "--yes"], 0);
            stop.store(true, Ordering::Relaxed);
            let arrived = publishing.join();
            migrated?;
            arrived.unwrap_or_else(|_| Err(anyhow!("the publisher panicked")))
        });
        let arrived = arrived?;
        ensure!(arrived > MESSAGES + 100, "only {arrived} arrived");
        came_back_all(world, &amqp, "quorum", arrived)?;
        Ok(())
    })
}

#[test]
fn fear_of_losing_messages_what_is_on_its_way_to_the_mover_is_moved_too() -> Outcome {
    for kind in ["quorum", "classic"] {
        on_each(|world| late(world, kind)).with_context(|| format!("to a {kind} queue"))?;
    }
    Ok(())
}

fn late(world: &World<'_>, kind: &str) -> Outcome {
    let amqp = old_queue_of(world, BATCH - 1)?;
    world.topology(&WANTED.replace("quorum", kind))?;
    let late = Late::before(world.broker.port())?;
    let (port, vhost) = (late.port(), world.vhost());
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/{vhost}");
    let start = world.start()?.env("ALDEBARAN_AMQP_URL", url);
    let arguments = ["apply", "--migrate", "--yes"];
    start.args(arguments).run()?.with_code(0)?;
    // Late, and moved again, on the way there and on the way back.
    ensure!(late.connections() >= 4, "{}", late.connections());
    let messages = came_back_all(world, &amqp, kind, BATCH - 1)?;
    ensure!(messages == BATCH - 1, "{messages} messages");
    Ok(())
}

#[test]
fn fear_of_losing_messages_what_the_new_queue_refuses_stays_in_the_waiting_one() -> Outcome {
    on_each(|world| {
        let amqp = old_queue(world)?;
        world.topology(&WANTED.replace(
            "type = \"quorum\"",
            "type = \"classic\"\narguments.x-max-length = 100\narguments.x-overflow = \"reject-publish\"",
        ))?;
        let refused = world.declare(&["apply", "--migrate", "--yes"], 1)?.log;
        ensure!(
            refused.contains("the broker refused the message"),
            "{refused}"
        );
        let queues = ["orders", "orders.migrating"];
        let mut there = BTreeSet::new();
        for queue in queues {
            there.extend(amqp.drain(queue)?.into_iter().map(|one| one.body));
        }
        ensure!(there.len() == MESSAGES, "{} messages are left", there.len());
        Ok(())
    })
}

#[test]
fn what_is_not_migrated_does_not_hinder_the_rest_of_the_file() -> Outcome {
    on_each(|world| {
        let stream = r#"{"durable":true,"arguments":{"x-queue-type":"stream"}}"#;
        world.put("queues", "log", stream)?;
        world.put("queues", "busy", r#"{"durable":true}"#)?;
        let _consumer = world.stage.amqp()?.attend("busy")?;
        world.topology(
            "[queue.\"${name}\"]\nfor.name = [\"log\", \"busy\", \"new\"]\ntype = \"quorum\"",
        )?;
        let arguments = ["apply", "--migrate", "--yes", "--output", "json"];
        let told = world.declare(&arguments, 11)?;
        for reason in ["it is a stream", "stop its consumers first"] {
            ensure!(told.log.contains(reason), "{}", told.log);
        }
        let told: Value = serde_json::from_str(&told.output)?;
        let summary = &told["summary"];
        ensure!(
            summary["created"] == 1 && summary["conflicts"] == 2,
            "{told}"
        );
        Ok(())
    })
}

/// A classic queue with messages and bindings of which the file knows nothing.
fn old_queue(world: &World<'_>) -> Result<Amqp> {
    old_queue_of(world, MESSAGES)
}

/// The same with so many messages.
fn old_queue_of(world: &World<'_>, messages: usize) -> Result<Amqp> {
    world.put("exchanges", "in", r#"{"type":"topic","durable":true}"#)?;
    world.put("queues", "orders", OLD)?;
    for key in ["a.#", "b.*"] {
        let body = json!({ "routing_key": key, "arguments": { "n": 1 } });
        world.bind("in", "orders", &body.to_string())?;
    }
    world.topology(WANTED)?;
    let amqp = world.stage.amqp()?;
    for number in 0..messages {
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
    came_back_all(world, amqp, "quorum", MESSAGES)
}

/// The same of so many messages, in a queue of this kind.
fn came_back_all(world: &World<'_>, amqp: &Amqp, kind: &str, count: usize) -> Result<usize> {
    let queues: Vec<String> = world
        .list("queues")?
        .iter()
        .map(|one| format!("{} {}", one["name"], one["arguments"]["x-queue-type"]))
        .collect();
    ensure!(queues == [format!("\"orders\" \"{kind}\"")], "{queues:?}");
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
    for number in 0..count {
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
