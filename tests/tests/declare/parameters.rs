//! Parameters, and the secrets in them.

use anyhow::ensure;
use serde_json::Value;
use tests::{Finished, Outcome};

use crate::world::{World, on_each};

const UPSTREAM: &str = r#"
[parameter."federation-upstream".up]
value.uri = { env = "THE_URI" }
value.max-hops = 2
"#;

fn with_uri(
    world: &World<'_>,
    password: &str,
    arguments: &[&str],
    code: i32,
) -> anyhow::Result<Finished> {
    let uri = format!("amqp://ann:{password}@localhost/x");
    let start = world.start()?.env("THE_URI", uri);
    start.args(arguments).run()?.with_code(code)
}

#[test]
fn a_parameter_with_a_secret_is_applied_compared_and_changed_and_never_shown() -> Outcome {
    on_each(|world| {
        world.topology(UPSTREAM)?;
        let mut said = String::new();
        for (password, arguments, code) in [
            ("first-s3cret", &["plan"][..], 10),
            ("first-s3cret", &["apply", "--yes", "-vv"], 0),
            ("first-s3cret", &["plan", "--output", "json"], 0),
            ("other-s3cret", &["plan"], 10),
            ("other-s3cret", &["plan", "--output", "json"], 10),
            ("other-s3cret", &["apply", "--yes"], 0),
            ("other-s3cret", &["plan"], 0),
        ] {
            let ended = with_uri(world, password, arguments, code)?;
            said += &(ended.output + &ended.log);
        }
        ensure!(!said.contains("s3cret"), "{said}");
        let live = world.list("parameters/federation-upstream")?;
        ensure!(live[0]["value"]["uri"] == "amqp://ann:other-s3cret@localhost/x");
        ensure!(live[0]["value"]["max-hops"] == 2, "{live:?}");
        Ok(())
    })
}

#[test]
fn no_password_of_anybody_elses_parameter_stands_in_a_plan_or_an_export() -> Outcome {
    on_each(|world| {
        let theirs = r#"{"value":{"uri":["amqp://bob:their-s3cret@h","amqp://h"]}}"#;
        world.put("parameters/federation-upstream", "theirs", theirs)?;
        let saved = world.stage.folder().join("plan.json");
        let path = saved.to_string_lossy();
        let mut said = String::new();
        // Unmanaged, to be destroyed, and in the way of what is wanted.
        for (file, code) in [
            (UPSTREAM.to_owned(), 10),
            ("[manage]\nparameters = \"*\"".to_owned(), 12),
            (UPSTREAM.replace(".up]", ".theirs]"), 10),
        ] {
            world.topology(&file)?;
            for arguments in [
                &["plan", "-vv"][..],
                &["plan", "--output", "json", "-o", &path],
            ] {
                let ended = with_uri(world, "ours", arguments, code)?;
                said += &(ended.output + &ended.log);
            }
            said += &std::fs::read_to_string(&saved)?;
        }
        let exported = world.declare(&["export"], 0)?;
        said += &(exported.output.clone() + &exported.log);
        let exported: Value =
            serde_json::from_str(&world.declare(&["export", "--output", "json"], 0)?.output)?;
        said += &exported.to_string();
        ensure!(!said.contains("s3cret"), "{said}");
        ensure!(
            said.contains("bob:***@h"),
            "the plans should show it: {said}"
        );
        ensure!(
            said.contains("{ env = "),
            "the export should name a place: {said}"
        );
        Ok(())
    })
}

#[test]
fn the_vhosts_limits_and_its_description_are_compared_and_changed() -> Outcome {
    on_each(|world| {
        let name = world.vhost();
        let file = format!("[vhost.\"{name}\"]\nlimits.max-queues = 7\n");
        world.topology(&file)?;
        world.declare(&["apply", "--yes"], 0)?;
        ensure!(world.pending(0)?.is_empty());
        let limit = format!("/vhost-limits/{name}/max-queues");
        world.admin()?.put(&limit, r#"{"value":8}"#)?;
        ensure!(world.pending(10)? == [format!("change vhost {name}")]);
        world.declare(&["apply", "--yes"], 0)?;
        ensure!(world.pending(0)?.is_empty());
        Ok(())
    })
}
