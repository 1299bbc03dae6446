//! What differs is seen, and what does not differ is not.

use anyhow::{Context, ensure};
use tests::{Outcome, repository};

use crate::world::on_each;

/// Something of every kind that lives in one vhost.
const ALL: &str = r#"
[exchange.e]
type = "topic"
arguments.alternate-exchange = "alt"
[exchange.alt]
type = "fanout"
[queue.c]
type = "classic"
arguments.x-max-length = 5
bindings = [{ from = "e", key = "a", arguments = { n = 1, t = "x", b = true } }]
[queue.q]
type = "quorum"
arguments.x-dead-letter-exchange = "alt"
[queue.s]
type = "stream"
arguments.x-max-age = "7D"
[policy.p]
pattern = "^c"
apply-to = "queues"
definition.message-ttl = "30s"
[operator-policy.o]
pattern = "^c"
definition.expires = "1d"
[manage]
exchanges = ["e", "alt"]
queues = ["c", "q", "s"]
policies = "*"
"#;

#[test]
fn plan_and_diff_the_exit_code_tells_no_change_from_changes_pending() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        world.declare(&["plan"], 10)?;
        world.declare(&["apply", "--yes"], 0)?;
        let planned = world.declare(&["plan"], 0)?;
        ensure!(planned.output.contains("in sync"), "{}", planned.output);
        world.delete("queues", "q")?;
        world.declare(&["plan"], 10)?;
        Ok(())
    })
}

#[test]
fn false_changes_in_a_dry_run_what_was_applied_is_in_sync_to_the_last_argument() -> Outcome {
    on_each(|world| {
        world.topology(ALL)?;
        world.declare(&["apply", "--yes"], 0)?;
        let pending = world.pending(0)?;
        ensure!(pending.is_empty(), "{pending:?}");
        let again = world.declare(&["apply"], 0)?.output;
        ensure!(again.contains(" 0 created"), "{again}");
        world.topology(&std::fs::read_to_string(repository("topology.toml"))?)?;
        world.declare(&["apply", "--yes"], 0)?;
        let pending = world.pending(0)?;
        ensure!(pending.is_empty(), "the shipped topology: {pending:?}");
        Ok(())
    })
}

#[test]
fn false_changes_in_a_dry_run_the_vhosts_default_type_of_queue_makes_no_difference() -> Outcome {
    on_each(|world| {
        world.topology("[queue.q]\ntype = \"classic\"\n[queue.r]\ntype = \"quorum\"")?;
        world.put("queues", "q", r#"{"durable":true}"#)?;
        let default = r#"{"default_queue_type":"quorum","defaultqueuetype":"quorum"}"#;
        world
            .admin()?
            .put(&format!("/vhosts/{}", world.vhost()), default)?;
        world.declare(&["apply", "--yes"], 0)?;
        let pending = world.pending(0)?;
        ensure!(pending.is_empty(), "{pending:?}");
        Ok(())
    })
}

#[test]
fn drift_that_nobody_repairs_is_seen_and_repaired_by_the_next_apply() -> Outcome {
    on_each(|world| {
        world.topology(ALL)?;
        world.declare(&["apply", "--yes"], 0)?;
        let policy = r#"{"pattern":"^c","apply-to":"queues","definition":{"message-ttl":1}}"#;
        world.put("policies", "p", policy)?;
        world.delete("queues", "s")?;
        let pending = world.pending(10)?;
        ensure!(
            pending == ["change policy p", "create queue s"],
            "{pending:?}"
        );
        world.declare(&["apply", "--yes"], 0)?;
        ensure!(world.pending(0)?.is_empty());
        Ok(())
    })
}

#[test]
fn silent_acceptance_what_the_broker_takes_without_a_word_is_shown() -> Outcome {
    on_each(|world| {
        world.topology(ALL)?;
        // The broker ignores this argument of a queue, and compares none of an exchange's.
        let queue = r#"{"durable":true,"arguments":{"x-max-length":5,"x-max-lenght":9}}"#;
        world.put("queues", "c", queue)?;
        let exchange = r#"{"type":"fanout","durable":true,"arguments":{"x-note":"other"}}"#;
        world.put("exchanges", "alt", exchange)?;
        let plan = world.plan(11)?;
        let differing = |name: &str| {
            let entries = plan["entries"].as_array().into_iter().flatten();
            let mut found =
                entries.filter(|one| one["name"] == name && one["action"] == "conflict");
            found.next().map(|one| one["differences"].to_string())
        };
        let queue = differing("c").context("the queue is no conflict")?;
        ensure!(queue.contains("arguments.x-max-lenght"), "{queue}");
        let exchange = differing("alt").context("the exchange is no conflict")?;
        ensure!(exchange.contains("arguments.x-note"), "{exchange}");
        Ok(())
    })
}

#[test]
fn changes_that_silently_do_not_apply_are_in_force_on_the_broker() -> Outcome {
    on_each(|world| {
        world.topology(ALL)?;
        world.declare(&["apply", "--yes"], 0)?;
        world.topology(&ALL.replace("30s", "40s").replace("1d", "2d"))?;
        let applied = world.declare(&["apply", "--yes"], 0)?.output;
        ensure!(applied.contains("2 changed"), "{applied}");
        let ttl = &world.list("policies")?[0]["definition"]["message-ttl"];
        ensure!(*ttl == 40_000, "{ttl}");
        let expires = &world.list("operator-policies")?[0]["definition"]["expires"];
        ensure!(*expires == 172_800_000, "{expires}");
        Ok(())
    })
}
