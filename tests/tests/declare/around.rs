//! `export`, `import`, `diff` and `graph`.

use std::fmt::Write;

use anyhow::{Context, ensure};
use private_broker::Release;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tests::Outcome;

use crate::world::{World, on, on_each};

/// The same topologies in each run, so that a failure can be looked at again.
const SEEDS: std::ops::Range<u64> = 0..6;

#[test]
fn export_is_what_a_person_edits_and_applying_it_changes_nothing() -> Outcome {
    for seed in SEEDS {
        let file = drawn(&mut StdRng::seed_from_u64(seed));
        on_each(|world| {
            world.topology(&file)?;
            world.declare(&["apply", "--yes"], 0)?;
            let there = world.stage.objects()?;
            let exported = world.declare(&["export"], 0)?;
            ensure!(!exported.log.contains("left out"), "{}", exported.log);
            let text = exported.output;
            ensure!(text.contains("for.i = "), "nothing is folded:\n{text}");
            world.topology(&text)?;
            ensure!(world.pending(0)?.is_empty(), "{text}");
            world.declare(&["apply", "--yes"], 0)?;
            ensure!(
                world.stage.objects()? == there,
                "applying it changed something\n{text}"
            );
            Ok(())
        })
        .with_context(|| format!("with seed {seed}:\n{file}"))?;
    }
    Ok(())
}

/// A topology that a fold may stumble over: names and values that are almost alike.
fn drawn(random: &mut StdRng) -> String {
    let mut file = String::from("[exchange.main]\ntype = \"topic\"\n");
    for i in 0..3 {
        let _ = write!(file, "[queue.\"always.{i}\"]\ntype = \"quorum\"\n");
    }
    for i in 0..random.random_range(2..8) {
        let kind = ["classic", "quorum", "stream"][random.random_range(0..3)];
        let start = ["shop.", "a-1.", "é $", "$$${"][random.random_range(0..4)];
        let _ = write!(file, "[queue.\"{start}{i}\"]\ntype = \"{kind}\"\n");
        if random.random_bool(0.5) {
            let length = random.random_range(1..3) * 1000 + i;
            let _ = writeln!(file, "arguments.x-max-length-bytes = {length}");
        }
        let key = ["k", "k.${n}", "#"][random.random_range(0..3)];
        let key = key.replace("${n}", &i.to_string());
        let _ = writeln!(
            file,
            "bindings = [{{ from = \"main\", key = \"{key}\", arguments = {{ n = {i} }} }}]"
        );
    }
    let _ = writeln!(
        file,
        "[policy.p]\npattern = \"^shop\\\\.\"\ndefinition.max-length = 7"
    );
    file
}

#[test]
fn export_formats_import_takes_the_brokers_definitions() -> Outcome {
    on_each(|world| {
        world.topology(&drawn(&mut StdRng::seed_from_u64(42)))?;
        world.declare(&["apply", "--yes"], 0)?;
        let definitions = world
            .admin()?
            .get(&format!("/definitions/{}", world.vhost()))?;
        let file = world.stage.file("definitions.json", definitions)?;
        let file = file.to_string_lossy();
        let imported = world.declare(&["import", &file], 0)?;
        world.topology(&imported.output)?;
        ensure!(world.pending(0)?.is_empty(), "{}", imported.output);
        Ok(())
    })
}

#[test]
fn a_diff_names_what_two_brokers_do_not_share() -> Outcome {
    on_each(|world| {
        world.topology("[queue.a]\ntype = \"classic\"\n[queue.b]\ntype = \"quorum\"")?;
        world.declare(&["apply", "--yes"], 0)?;
        let path = world.stage.folder().join("t.toml");
        let path = path.to_string_lossy();
        world.declare(&["diff", &path, "live"], 0)?;
        world.put("queues", "c", r#"{"durable":true}"#)?;
        world.delete("queues", "a")?;
        let vhost = format!("/{}", world.vhost());
        let amqp = world.broker.url().replace("/%2f", &vhost);
        let other = format!("{amqp},{}", world.admin()?.url());
        let differs = world.declare(&["diff", &path, &other], 10)?.output;
        for line in [
            "- only in A  queue     a",
            "+ only in B  queue     c",
            "1 the same, 2 not",
        ] {
            ensure!(differs.contains(line), "{differs}");
        }
        Ok(())
    })
}

#[test]
fn a_diff_of_two_live_brokers_names_what_they_do_not_share() -> Outcome {
    on(Release::Installed, |old| {
        on(Release::Debian13, |new| {
            let file = "[exchange.e]\ntype = \"topic\"\n[queue.c]\ntype = \"classic\"\n\
                        bindings = [{ from = \"e\", key = \"a\" }]\n[queue.q]\ntype = \"quorum\"\n\
                        [queue.s]\ntype = \"stream\"\n[policy.p]\npattern = \"x\"\ndefinition.expires = 9";
            for world in [old, new] {
                world.topology(file)?;
                world.declare(&["apply", "--yes"], 0)?;
            }
            let url = |world: &World<'_>| -> anyhow::Result<String> {
                let vhost = format!("/{}", world.vhost());
                let amqp = world.broker.url().replace("/%2f", &vhost);
                Ok(format!("{amqp},{}", world.admin()?.url()))
            };
            let (one, other) = (url(old)?, url(new)?);
            let same = old.declare(&["diff", &one, &other], 0)?.output;
            ensure!(same.contains("6 the same, 0 not"), "{same}");
            new.bind("e", "c", r#"{"routing_key":"b"}"#)?;
            new.delete("queues", "s")?;
            let policy = r#"{"pattern":"y","definition":{"expires":9}}"#;
            new.put("policies", "p", policy)?;
            let differs = old.declare(&["diff", &one, &other], 10)?;
            ensure!(
                !differs.output.contains("guest:guest"),
                "{}",
                differs.output
            );
            for line in [
                "- only in A  queue     s",
                "+ only in B  binding   e -> c (key \"b\")",
                "~ differs    policy    p",
                "pattern: A \"x\", B \"y\"",
                "4 the same, 3 not",
            ] {
                ensure!(differs.output.contains(line), "{line}: {}", differs.output);
            }
            Ok(())
        })
    })
}

#[test]
fn export_into_a_file_of_a_person_keeps_its_comments() -> Outcome {
    on_each(|world| {
        let text = "# Ours.\n\n# The orders.\n[queue.orders]\ntype = \"classic\" # for now\n";
        world.topology(text)?;
        world.declare(&["apply", "--yes"], 0)?;
        world.put("queues", "new", r#"{"durable":true}"#)?;
        let file = world.stage.folder().join("t.toml");
        let file = file.to_string_lossy();
        // Never without being told to.
        let refused = world.declare(&["export", "-o", &file], 2)?.log;
        ensure!(refused.contains("--force replaces it"), "{refused}");
        ensure!(std::fs::read_to_string(&*file)? == text);
        world.declare(&["export", "-o", &file, "--force"], 0)?;
        let written = std::fs::read_to_string(&*file)?;
        for words in [
            "# Ours.",
            "# The orders.\n[queue.\"orders\"]",
            "# for now",
            "[queue.\"new\"]",
        ] {
            ensure!(written.contains(words), "{words} is not in\n{written}");
        }
        ensure!(world.pending(0)?.is_empty(), "{written}");
        Ok(())
    })
}

#[test]
fn a_graph_from_the_file_is_coloured_by_the_plan() -> Outcome {
    on_each(|world| {
        world.topology(
            "[exchange.e]\ntype = \"fanout\"\n[queue.new]\ntype = \"classic\"\nbindings = [{ from = \"e\" }]\n\
             [queue.differs]\ntype = \"quorum\"\n[manage]\nqueues = \"*\"",
        )?;
        world.put("queues", "differs", r#"{"durable":true}"#)?;
        world.put("queues", "old", r#"{"durable":true}"#)?;
        let saved = world.stage.folder().join("plan.json");
        let saved = saved.to_string_lossy();
        world.declare(&["plan", "-o", &saved], 11)?;
        for form in ["svg", "dot", "mermaid"] {
            let live = world
                .declare(&["graph", "--plan", "--format", form], 0)?
                .output;
            for word in ["· create", "· conflict", "· destroy"] {
                ensure!(live.contains(word), "{word}\n{live}");
            }
            let arguments = ["graph", "--plan", &saved, "--format", form];
            let from_file = world.declare(&arguments, 0)?.output;
            ensure!(from_file == live, "the saved plan gives another picture");
        }
        let plain = world.declare(&["graph"], 0)?.output;
        ensure!(
            plain.starts_with("<svg") && !plain.contains("create"),
            "{plain}"
        );
        Ok(())
    })
}
