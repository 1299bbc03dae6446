//! `check --target` and the broker of that version are of one opinion.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::Outcome;

use crate::world::{World, on};

/// Every argument of a queue with a value that it takes, and the types that it fits.
const ARGUMENTS: [(&str, &str, &str); 24] = [
    ("x-consumer-timeout", "60000", "classic quorum"),
    ("x-dead-letter-exchange", "\"amq.fanout\"", "classic quorum"),
    (
        "x-dead-letter-strategy",
        "\"at-most-once\"\narguments.x-dead-letter-exchange = \"amq.fanout\"",
        "quorum",
    ),
    ("x-delivery-limit", "5", "quorum"),
    ("x-delivery-limit", "-1", "quorum"),
    ("x-expires", "1000000", "classic quorum"),
    ("x-initial-cluster-size", "1", "stream"),
    ("x-max-age", "\"7D\"", "stream"),
    ("x-max-length", "1000", "classic quorum"),
    ("x-max-length-bytes", "1000000", "classic quorum stream"),
    ("x-max-priority", "5", "classic"),
    ("x-message-ttl", "1000000", "classic quorum"),
    ("x-overflow", "\"reject-publish\"", "classic quorum"),
    ("x-overflow", "\"reject-publish-dlx\"", "classic"),
    (
        "x-queue-leader-locator",
        "\"balanced\"",
        "classic quorum stream",
    ),
    ("x-queue-master-locator", "\"min-masters\"", "classic"),
    ("x-queue-mode", "\"lazy\"", "classic"),
    ("x-queue-version", "1", "classic"),
    ("x-queue-version", "2", "classic"),
    ("x-quorum-initial-group-size", "1", "quorum"),
    ("x-quorum-target-group-size", "1", "quorum"),
    ("x-single-active-consumer", "true", "classic quorum"),
    ("x-stream-filter-size-bytes", "32", "stream"),
    ("x-stream-max-segment-size-bytes", "1000000", "stream"),
];

/// Every key of a policy's definition with a value that it takes, and what else it needs.
const KEYS: [(&str, &str); 31] = [
    ("alternate-exchange", "\"amq.fanout\""),
    ("consumer-timeout", "60000"),
    ("dead-letter-exchange", "\"amq.fanout\""),
    ("dead-letter-routing-key", "\"k\""),
    ("dead-letter-strategy", "\"at-most-once\""),
    ("delivery-limit", "5"),
    ("expires", "1000000"),
    ("federation-upstream", "\"u\""),
    ("federation-upstream-set", "\"all\""),
    ("ha-mode", "\"all\""),
    ("ha-promote-on-failure", "\"always\""),
    ("ha-promote-on-shutdown", "\"always\""),
    ("ha-sync-batch-size", "5"),
    ("ha-sync-mode", "\"manual\""),
    ("initial-cluster-size", "1"),
    ("max-age", "\"7D\""),
    ("max-length", "1000"),
    ("max-length-bytes", "1000000"),
    ("max-priority", "5"),
    ("message-ttl", "1000000"),
    ("overflow", "\"reject-publish\""),
    ("queue-leader-locator", "\"balanced\""),
    ("queue-master-locator", "\"min-masters\""),
    ("queue-mode", "\"lazy\""),
    ("queue-version", "2"),
    ("quorum-initial-group-size", "1"),
    ("quorum-target-group-size", "1"),
    ("single-active-consumer", "true"),
    ("stream-filter-size-bytes", "32"),
    ("stream-max-segment-size-bytes", "1000000"),
    ("target-group-size", "1"),
];

/// A file with all that, each by itself.
struct Everything {
    file: String,
    /// The names by line.
    names: BTreeMap<u64, String>,
    /// Keys of policies that `check` refuses whatever the version: no broker should take them.
    unknown: BTreeSet<String>,
}

impl Everything {
    fn of(world: &World<'_>) -> Result<Self> {
        let mut all = Self {
            file: String::new(),
            names: BTreeMap::new(),
            unknown: BTreeSet::new(),
        };
        for (argument, value, kinds) in ARGUMENTS {
            for kind in kinds.split(' ') {
                let word = value.lines().next().unwrap_or_default().trim_matches('"');
                let name = format!("{kind} {argument} {word}");
                let more = format!("type = \"{kind}\"\narguments.{argument} = {value}\n");
                all.add(world, "queue", &name, &more)?;
            }
        }
        for durable in [true, false] {
            let name = format!("classic durable {durable}");
            let more = format!("type = \"classic\"\ndurable = {durable}\n");
            all.add(world, "queue", &name, &more)?;
        }
        for (key, value) in KEYS {
            let more = match key {
                "dead-letter-routing-key" => "definition.dead-letter-exchange = \"amq.fanout\"\n",
                _ if key.starts_with("ha-") && key != "ha-mode" => "definition.ha-mode = \"all\"\n",
                _ => "",
            };
            let more = format!("pattern = \"^none$\"\ndefinition.{key} = {value}\n{more}");
            all.add(world, "policy", key, &more)?;
        }
        for kind in [
            "all",
            "queues",
            "exchanges",
            "classic_queues",
            "quorum_queues",
            "streams",
        ] {
            let definition = match kind {
                "exchanges" => "definition.alternate-exchange = \"amq.fanout\"",
                _ => "definition.max-length-bytes = 1000",
            };
            let more = format!("pattern = \"^none$\"\napply-to = \"{kind}\"\n{definition}\n");
            all.add(world, "policy", &format!("apply-to {kind}"), &more)?;
        }
        Ok(all)
    }

    /// Adds one; what a file cannot say, as unchecked.
    fn add(&mut self, world: &World<'_>, kind: &str, name: &str, more: &str) -> Outcome {
        let mut text = format!("[{kind}.\"{name}\"]\n{more}");
        world.topology(&text)?;
        let checked = world.start()?.arg("check").run()?;
        if checked.code == Some(2) && kind == "policy" {
            text = text.replace("\ndefinition.", "\nunchecked-definition.");
            self.unknown.insert(format!("{kind} {name}"));
        } else {
            checked.with_code(0).with_context(|| text.clone())?;
        }
        let line = 1 + self.file.lines().count() as u64;
        self.names.insert(line, format!("{kind} {name}"));
        self.file += &text;
        Ok(())
    }
}

/// What `check --target` tells, by name.
fn told(world: &World<'_>, all: &Everything, target: &str) -> Result<BTreeMap<String, String>> {
    let arguments = ["check", "--target", target, "--output", "json"];
    let checked: Value = serde_json::from_str(&world.start()?.args(arguments).run()?.output)?;
    let problems = checked["problems"].as_array().context("problems")?;
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for problem in problems {
        let line = problem["line"].as_u64().context("a line")?;
        let (_, name) = all.names.range(..=line).next_back().context("a name")?;
        *told.entry(name.clone()).or_default() += problem["message"].as_str().unwrap_or_default();
    }
    Ok(told)
}

/// What the broker refuses of all that, with its words.
fn refused(world: &World<'_>) -> Result<BTreeMap<String, String>> {
    let applied = world.start()?.args(["apply", "--yes", "--output", "json"]);
    let applied: Value = serde_json::from_str(&applied.run()?.output)?;
    let objects = applied["objects"].as_array().context("objects")?;
    let failed = objects.iter().filter(|one| one["outcome"] != "created");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(failed
        .map(|one| {
            let name = format!("{} {}", text(&one["kind"]), text(&one["name"]));
            (name, text(&one["words"]))
        })
        .collect())
}

/// The broker takes arguments of queues that it does not know, and ignores them. Policies are how
/// one can tell: it refuses the same word there.
fn only_ignored(name: &str, why: &str) -> bool {
    name.starts_with("queue ") && (why.contains("does not know") || why.contains("has no word"))
}

#[test]
fn what_check_says_that_a_version_rejects_that_version_rejects_and_nothing_else() -> Outcome {
    for (release, target) in [(Release::Installed, "3.10"), (Release::Debian13, "4.0")] {
        on(release, |world| {
            let all = Everything::of(world)?;
            world.topology(&all.file)?;
            let told = told(world, &all, target)?;
            let refused = refused(world)?;
            let expected: BTreeSet<&String> = told
                .iter()
                .filter(|(name, why)| !only_ignored(name, why))
                .map(|(name, _)| name)
                .chain(&all.unknown)
                .collect();
            let found: BTreeSet<&String> = refused.keys().collect();
            ensure!(
                found == expected,
                "RabbitMQ {target} refuses\n{refused:#?}\nand check tells\n{told:#?}\nand of all {:?}",
                all.unknown
            );
            // What is only ignored is a word that the broker does not know.
            let unknown = told.iter().filter(|(_, why)| why.contains("does not know"));
            for name in unknown
                .map(|(name, _)| name)
                .filter(|name| name.starts_with("queue "))
            {
                let word = name
                    .split(" x-")
                    .nth(1)
                    .and_then(|rest| rest.split(' ').next());
                let word = word.unwrap_or_default().replace("quorum-target", "target");
                let policy = format!("policy {word}");
                ensure!(
                    refused.contains_key(name) || refused.contains_key(&policy),
                    "{name}: the broker knows {word}"
                );
            }
            ensure!(!told.is_empty(), "check tells nothing");
            Ok(())
        })?;
    }
    Ok(())
}
