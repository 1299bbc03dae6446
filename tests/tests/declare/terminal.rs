//! A person at a terminal is asked, and a script is not.

use anyhow::ensure;
use serde_json::Value;
use tests::{Finished, Outcome, PATIENCE, Terminal};

use crate::world::{World, on_each};

/// Classic and quorum.
const KINDS: [(&str, &str); 2] = [
    ("classic", r#"{"durable":true}"#),
    (
        "quorum",
        r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#,
    ),
];

/// Runs `declare` at a terminal; when it has asked, something may happen, and then comes the
/// answer. Gives how it ended, and what the terminal showed.
fn answered(
    world: &World<'_>,
    arguments: &[&str],
    meanwhile: impl FnOnce(&str) -> Outcome,
    answer: &str,
) -> anyhow::Result<(Finished, String)> {
    let mut terminal = Terminal::new()?;
    let program = world.start()?.args(arguments).terminal(&terminal)?;
    let program = program.start()?;
    let shown = terminal.shows("[y/N]")?;
    meanwhile(&shown)?;
    terminal.types(answer)?;
    let ended = program.finish(PATIENCE)?;
    let shown = terminal.shown();
    Ok((ended, shown))
}

fn nothing_happens(_: &str) -> Outcome {
    Ok(())
}

#[test]
fn on_a_terminal_the_plan_is_shown_and_only_yes_applies_it() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        // Return alone, another word, and the end of the input.
        for answer in ["n\n", "\n", "yesterday\n", "\u{4}"] {
            let (refused, shown) = answered(world, &["apply"], nothing_happens, answer)?;
            ensure!(shown.contains("+ create     queue     q"), "{shown}");
            ensure!(shown.contains("apply 1 change to amqp://"), "{shown}");
            ensure!(shown.contains("nothing is changed"), "{shown}");
            refused.with_code(1)?;
            ensure!(world.list("queues")?.is_empty(), "after {answer:?}");
        }
        let (applied, _) = answered(world, &["apply"], nothing_happens, "yes\n")?;
        let applied = applied.with_code(0)?.output;
        ensure!(applied.contains("1 created"), "{applied}");
        ensure!(world.list("queues")?.len() == 1);
        Ok(())
    })
}

#[test]
fn on_a_terminal_the_question_does_not_disturb_the_json() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let arguments = ["apply", "--output", "json"];
        let (applied, _) = answered(world, &arguments, nothing_happens, "y\n")?;
        let told: Value = serde_json::from_str(&applied.with_code(0)?.output)?;
        ensure!(told["summary"]["created"] == 1, "{told}");
        Ok(())
    })
}

#[test]
fn on_a_terminal_a_signal_is_no_consent() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let mut terminal = Terminal::new()?;
        let asking = world.start()?.arg("apply").terminal(&terminal)?.start()?;
        terminal.shows("[y/N]")?;
        ensure!(asking.interrupt()?.code == Some(1));
        ensure!(world.list("queues")?.is_empty());
        Ok(())
    })
}

#[test]
fn without_a_terminal_nothing_is_asked_coloured_or_animated() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"quorum\"\n[manage]\nqueues = \"*\"")?;
        world.put("queues", "old", KINDS[0].1)?;
        world.put("queues", "q", KINDS[0].1)?;
        world.put(
            "policies",
            "p",
            r#"{"pattern":"x","definition":{"expires":9}}"#,
        )?;
        let before = world.stage.objects()?;
        let saved = |name: &str| world.stage.folder().join(name);
        for arguments in [
            &["apply", "--migrate"][..],
            &["prune"],
            &["prune", "--even-if-not-empty"],
        ] {
            let told = world.declare(arguments, 2)?;
            ensure!(
                told.log.contains("say --yes"),
                "{arguments:?}: {}",
                told.log
            );
            ensure!(told.output.is_empty(), "{arguments:?}: {}", told.output);
        }
        ensure!(world.stage.objects()? == before, "something was changed");
        let mut said = String::new();
        for (arguments, code) in [
            (&["plan"][..], 11),
            (&["apply", "--migrate", "--yes"], 0),
            (&["prune", "--yes"], 0),
            (&["export"], 0),
        ] {
            let told = world.declare(arguments, code)?;
            said += &(told.output + &told.log);
        }
        for mark in ['\u{1b}', '\r', '\u{8}'] {
            ensure!(!said.contains(mark), "{mark:?} in {said:?}");
        }
        // --quiet leaves only what is wrong.
        let path = saved("plan.json");
        let arguments = ["plan", "--quiet", "-o", &path.to_string_lossy()];
        ensure!(world.declare(&arguments, 0)?.log.is_empty());
        Ok(())
    })
}

#[test]
fn prune_a_message_that_comes_between_the_plan_and_the_answer_keeps_its_queue() -> Outcome {
    on_each(|world| {
        world.topology("[manage]\nqueues = \"*\"")?;
        let amqp = world.stage.amqp()?;
        for (kind, body) in KINDS {
            world.put("queues", kind, body)?;
        }
        let (pruned, _) = answered(
            world,
            &["prune"],
            |shown| {
                ensure!(shown.matches("it holds 0 messages").count() == 2, "{shown}");
                KINDS
                    .iter()
                    .try_for_each(|(kind, _)| amqp.publish("", kind, "late"))
            },
            "y\n",
        )?;
        let told = pruned.with_code(12)?.output;
        ensure!(told.contains("0 destroyed, 2 kept"), "{told}");
        for (kind, _) in KINDS {
            ensure!(amqp.counts(kind)?.0 == 1, "the message of {kind} is gone");
        }
        Ok(())
    })
}

#[test]
fn prune_a_consumer_that_comes_between_the_plan_and_the_answer_keeps_its_queue() -> Outcome {
    on_each(|world| {
        world.topology("[manage]\nqueues = \"*\"")?;
        let amqp = world.stage.amqp()?;
        for (kind, body) in KINDS {
            world.put("queues", kind, body)?;
        }
        let mut attending = Vec::new();
        let (pruned, _) = answered(
            world,
            &["prune"],
            |shown| {
                ensure!(shown.matches("has 0 consumers").count() == 2, "{shown}");
                for (kind, _) in KINDS {
                    attending.push(amqp.attend(kind)?);
                }
                Ok(())
            },
            "y\n",
        )?;
        let told = pruned.with_code(12)?.output;
        ensure!(told.matches("has 1 consumer").count() == 2, "{told}");
        ensure!(world.list("queues")?.len() == 2);
        Ok(())
    })
}
