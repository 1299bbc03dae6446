//! Conflicts, ownership, and saved plans.

use anyhow::ensure;
use tests::Outcome;

use crate::world::on_each;

#[test]
fn conflicts_all_are_told_in_one_run_with_line_both_values_and_remedy() -> Outcome {
    on_each(|world| {
        world.topology(
            "[exchange.e]\ntype = \"topic\"\n\n[queue.a]\ntype = \"quorum\"\n\n\
             [queue.b]\ntype = \"classic\"\narguments.x-max-length = 5\n\n[queue.c]\ntype = \"stream\"\n",
        )?;
        world.put("exchanges", "e", r#"{"type":"direct","durable":true}"#)?;
        world.put("queues", "a", r#"{"durable":true}"#)?;
        world.put("queues", "b", r#"{"durable":true}"#)?;
        world.stage.amqp()?.publish("", "a", "kept")?;
        let told = world.declare(&["plan"], 11)?.output;
        for words in [
            "t.toml:1",
            "type: wanted \"topic\", live \"direct\"",
            "t.toml:4",
            "type: wanted \"quorum\", live \"classic\"",
            "it holds 1 message",
            "t.toml:7",
            "arguments.x-max-length: wanted 5, live nothing",
            "definition.max-length = 5",
        ] {
            ensure!(told.contains(words), "{words} is not in\n{told}");
        }
        // What does not conflict is done, and nothing that does is touched.
        let applied = world.declare(&["apply", "--yes"], 11)?.output;
        ensure!(applied.contains("1 created"), "{applied}");
        ensure!(applied.contains("3 in conflict"), "{applied}");
        ensure!(
            world.stage.amqp()?.counts("a")?.0 == 1,
            "the message is gone"
        );
        Ok(())
    })
}

#[test]
fn inequivalent_arguments_a_policy_is_the_remedy_where_it_helps() -> Outcome {
    on_each(|world| {
        world.put("queues", "q", r#"{"durable":true}"#)?;
        world.topology("[queue.q]\ntype = \"classic\"\narguments.x-message-ttl = 1000")?;
        let plan = world.plan(11)?;
        let remedy = &plan["entries"][0]["remedy"];
        ensure!(remedy["by"] == "policy", "{remedy}");
        // Doing what it says puts an end to the conflict.
        world.topology(
            "[queue.q]\ntype = \"classic\"\n[policy.q]\npattern = \"^q$\"\napply-to = \"queues\"\n\
             definition.message-ttl = 1000",
        )?;
        world.declare(&["apply", "--yes"], 0)?;
        ensure!(world.pending(0)?.is_empty());
        Ok(())
    })
}

#[test]
fn ownership_objects_of_others_are_listed_never_touched_and_never_in_the_way() -> Outcome {
    on_each(|world| {
        world.put("queues", "theirs", r#"{"durable":true}"#)?;
        world.put("exchanges", "theirs", r#"{"type":"fanout","durable":true}"#)?;
        world.bind("theirs", "theirs", "{}")?;
        world.topology("[queue.ours]\ntype = \"classic\"\n[manage]\nqueues = \"ours*\"")?;
        let told = world.declare(&["plan"], 10)?.output;
        ensure!(told.contains("unmanaged  queue     theirs"), "{told}");
        world.declare(&["apply", "--yes"], 0)?;
        world.declare(&["plan"], 0)?;
        let pruned = world.declare(&["prune", "--yes"], 0)?.output;
        ensure!(pruned.contains("0 objects"), "{pruned}");
        let names = world.list("bindings")?;
        ensure!(names.iter().any(|one| one["source"] == "theirs"));
        Ok(())
    })
}

#[test]
fn a_saved_plan_is_applied_while_it_holds_and_refused_when_the_broker_has_changed() -> Outcome {
    on_each(|world| {
        world.topology("[queue.a]\ntype = \"classic\"\n[queue.b]\ntype = \"classic\"")?;
        let file = world.stage.folder().join("plan.json");
        let path = file.to_str().unwrap_or_default();
        world.declare(&["plan", "-o", path], 10)?;
        world.put("queues", "b", r#"{"durable":true}"#)?;
        let refused = world.declare(&["apply", path], 2)?.log;
        ensure!(
            refused.contains("the broker has changed since") && refused.contains("(b)"),
            "{refused}"
        );
        ensure!(world.list("queues")?.len() == 1, "something was created");
        world.declare(&["plan", "-o", path], 10)?;
        // No question, and no terminal needed: the plan was looked at.
        world.declare(&["apply", path], 0)?;
        ensure!(world.list("queues")?.len() == 2);
        Ok(())
    })
}
