//! What scripts read: JSON with a name and a version, and the completions of shells.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{Outcome, binary, repository};

use crate::world::{World, on_each};

/// The keys of a format, as docs/declare.md lists them.
fn documented(format: &str) -> Result<BTreeSet<String>> {
    let page = std::fs::read_to_string(repository("docs/declare.md"))?;
    let start = format!("| `{format}` |");
    let row = page.lines().find(|line| line.starts_with(&start));
    let row = row.with_context(|| format!("docs/declare.md has no row of {format}"))?;
    let keys = row.split('|').nth(4).context("a column of keys")?;
    Ok(keys
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect())
}

/// Runs a command and checks that its JSON is what the page says of the format.
fn in_json(world: &World<'_>, format: &str, arguments: &[&str], code: i32) -> Result<Value> {
    let arguments = [arguments, &["--output", "json"]].concat();
    let told = world.declare(&arguments, code)?.output;
    let told: Value = serde_json::from_str(&told).with_context(|| told.clone())?;
    ensure!(
        told["format"] == format,
        "{arguments:?}: {}",
        told["format"]
    );
    ensure!(told["version"] == 1, "{arguments:?}: {}", told["version"]);
    let keys = told.as_object().context("an object")?.keys();
    let keys: BTreeSet<String> = keys.cloned().collect();
    let documented = documented(format)?;
    ensure!(
        keys == documented,
        "{arguments:?}: {keys:?}, and not {documented:?}"
    );
    Ok(told)
}

#[test]
fn for_scripts_every_command_that_reports_does_so_in_json_with_a_version() -> Outcome {
    on_each(|world| {
        let file = world.stage.folder().join("t.toml");
        let file = file.to_string_lossy();
        let definitions = world.stage.file("d.json", r#"{"queues":[]}"#)?;
        let definitions = definitions.to_string_lossy();
        world.topology(
            "[exchange.e]\ntype = \"topic\"\n[queue.q]\ntype = \"classic\"\nbindings = [{ from = \"e\", key = \"a\" }]\n\
             [manage]\nqueues = \"*\"",
        )?;
        let (plan, result) = ("aldebaran-declare-plan", "aldebaran-declare-result");
        in_json(world, "aldebaran-declare-check", &["check"], 0)?;
        in_json(world, plan, &["plan"], 10)?;
        in_json(world, plan, &["diff", &file, "live"], 10)?;
        let applied = in_json(world, result, &["apply", "--yes"], 0)?;
        ensure!(applied["summary"]["created"] == 3, "{applied}");
        world.put("queues", "old", r#"{"durable":true}"#)?;
        let pruned = in_json(world, result, &["prune", "--yes"], 0)?;
        ensure!(pruned["summary"]["destroyed"] == 1, "{pruned}");
        in_json(world, plan, &["plan"], 0)?;
        in_json(world, "aldebaran-declare-route", &["route", "e", "a"], 0)?;
        let export = "aldebaran-declare-export";
        let exported = in_json(world, export, &["export"], 0)?;
        world.topology(exported["topology"].as_str().context("a topology")?)?;
        ensure!(world.pending(0)?.is_empty(), "{exported}");
        in_json(world, export, &["import", &definitions], 0)?;
        // A wrong file is told in JSON by `check`, and by all others on stderr alone.
        world.topology("[queue.q]\ntype = \"clasic\"")?;
        in_json(world, "aldebaran-declare-check", &["check"], 2)?;
        let wrong = world.declare(&["plan", "--output", "json"], 2)?;
        ensure!(wrong.output.is_empty() && wrong.log.contains("t.toml:2"));
        Ok(())
    })
}

#[test]
fn completions_of_every_shell_know_every_command() -> Outcome {
    let declare = binary("declare")?;
    let run = |arguments: &[&str]| -> Result<String> {
        let ended = Command::new(&declare).args(arguments).output()?;
        ensure!(ended.status.success(), "{arguments:?}: {ended:?}");
        Ok(String::from_utf8(ended.stdout)?)
    };
    let help = run(&["--help"])?;
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|word| !word.is_empty());
    let commands: Vec<&str> = commands.collect();
    ensure!(
        commands.contains(&"prune") && commands.len() >= 11,
        "{commands:?}"
    );
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell])?;
        for command in &commands {
            ensure!(script.contains(command), "{shell} does not know {command}");
        }
    }
    // And bash agrees: of two letters it makes the word.
    let script = format!(
        "{}\nCOMP_WORDS=(declare pr); COMP_CWORD=1; _declare declare pr declare; echo \"${{COMPREPLY[*]}}\"",
        run(&["completions", "bash"])?
    );
    let completed = Command::new("bash").args(["-c", &script]).output()?;
    let completed = String::from_utf8(completed.stdout)?;
    ensure!(completed.trim() == "prune", "{completed:?}");
    Ok(())
}
