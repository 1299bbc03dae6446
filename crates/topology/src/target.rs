//! What a version of RabbitMQ rejects, or accepts and ignores.
//!
//! From its release notes, and for 3.10 and 4.0 from brokers of that version: docs/declare.md has
//! the sources.

use std::fmt;
use std::str::FromStr;

use crate::problem::Problems;
use crate::{Checked, Policy, Queue, QueueKind, Setting, Settings, Topology};

/// A version of RabbitMQ that a file can be checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// RabbitMQ 3.10.
    V3_10,
    /// RabbitMQ 3.13.
    V3_13,
    /// RabbitMQ 4.0.
    V4_0,
    /// RabbitMQ 4.2.
    V4_2,
    /// RabbitMQ 4.3.
    V4_3,
}

impl Target {
    const NAMES: [(&'static str, Self); 5] = [
        ("3.10", Self::V3_10),
        ("3.13", Self::V3_13),
        ("4.0", Self::V4_0),
        ("4.2", Self::V4_2),
        ("4.3", Self::V4_3),
    ];
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, target)| *target).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("it is one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, target)| target == self);
        out.write_str(name.map_or("", |(name, _)| name))
    }
}

/// A setting that some versions do not know, by the name of the argument without its `x-` and
/// of the key of a policy.
struct Known {
    name: &'static str,
    /// The first version here that knows it.
    since: Target,
    /// The first version here that refuses it, and its reason.
    until: Option<(Target, &'static str)>,
}

const KNOWN: [Known; 12] = [
    since("consumer-timeout", Target::V3_13),
    since("quorum-target-group-size", Target::V3_13),
    since("stream-filter-size-bytes", Target::V3_13),
    since("target-group-size", Target::V3_13),
    until("ha-mode", Target::V4_0, MIRRORS),
    until("ha-params", Target::V4_0, MIRRORS),
    until("ha-promote-on-failure", Target::V4_0, MIRRORS),
    until("ha-promote-on-shutdown", Target::V4_0, MIRRORS),
    until("ha-sync-batch-size", Target::V4_0, MIRRORS),
    until("ha-sync-mode", Target::V4_0, MIRRORS),
    until("queue-master-locator", Target::V4_3, LOCATOR),
    until(
        "queue-mode",
        Target::V4_3,
        "leave it out: queues are always lazy",
    ),
];

const MIRRORS: &str = "classic queues are not mirrored any more: use quorum queues";
const LOCATOR: &str = "use `x-queue-leader-locator`, of a policy `queue-leader-locator`";

const fn since(name: &'static str, since: Target) -> Known {
    Known {
        name,
        since,
        until: None,
    }
}

const fn until(name: &'static str, until: Target, reason: &'static str) -> Known {
    Known {
        name,
        since: Target::V3_10,
        until: Some((until, reason)),
    }
}

impl Topology {
    /// What the version would reject or ignore.
    ///
    /// # Errors
    /// All of it, by line.
    pub fn fits(&self, target: Target) -> Result<(), Problems> {
        let mut problems = Problems::of(&self.file);
        for queue in &self.queues {
            look_at_queue(queue, target, &mut problems);
        }
        for policy in self.policies.iter().chain(&self.operator_policies) {
            look_at_policy(policy, target, &mut problems);
        }
        problems.once_a_line();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.sorted())
        }
    }
}

fn look_at_queue(queue: &Checked<Queue>, target: Target, problems: &mut Problems) {
    let Checked { value: queue, line } = queue;
    settings("x-", &queue.arguments, *line, target, problems);
    if target >= Target::V4_3 && !queue.durable {
        problems.at(
            *line,
            format!("RabbitMQ {target} refuses transient queues that are not exclusive: make it durable, with `x-expires` if it should go"),
        );
    }
    let version = queue
        .arguments
        .get("x-queue-version")
        .and_then(Setting::int);
    if target >= Target::V4_3 && version == Some(1) {
        problems.at(
            *line,
            format!("RabbitMQ {target} refuses `x-queue-version` = 1: leave it out"),
        );
    }
    let timeout = queue.arguments.contains_key("x-consumer-timeout");
    if target >= Target::V4_3 && timeout && queue.kind == QueueKind::Classic {
        problems.at(
            *line,
            format!("RabbitMQ {target} ignores `x-consumer-timeout` on classic queues"),
        );
    }
    let locator = queue.arguments.contains_key("x-queue-leader-locator");
    if target < Target::V3_13 && locator && queue.kind == QueueKind::Classic {
        problems.at(
            *line,
            format!("RabbitMQ {target} refuses `x-queue-leader-locator` on classic queues: use `x-queue-master-locator`"),
        );
    }
    let limit = queue
        .arguments
        .get("x-delivery-limit")
        .and_then(Setting::int);
    if target < Target::V4_0 && limit == Some(-1) {
        problems.at(
            *line,
            format!("RabbitMQ {target} has no word for an unlimited `x-delivery-limit`: leave it out, there is none by default"),
        );
    }
}

fn look_at_policy(policy: &Checked<Policy>, target: Target, problems: &mut Problems) {
    let Checked {
        value: policy,
        line,
    } = policy;
    settings("", &policy.definition, *line, target, problems);
    let by_type = ["classic_queues", "quorum_queues", "streams"];
    if target < Target::V3_13 && by_type.contains(&policy.apply_to.as_str()) {
        problems.at(
            *line,
            format!(
                "RabbitMQ {target} knows no apply-to = \"{}\": there are all, queues, exchanges",
                policy.apply_to
            ),
        );
    }
}

fn settings(prefix: &str, found: &Settings, line: u32, target: Target, problems: &mut Problems) {
    for known in &KNOWN {
        let name = format!("{prefix}{}", known.name);
        if !found.contains_key(&name) {
            continue;
        }
        if target < known.since {
            problems.at(
                line,
                format!(
                    "RabbitMQ {target} does not know `{name}` ({} does)",
                    known.since
                ),
            );
        }
        if let Some((_, reason)) = known.until.filter(|(until, _)| target >= *until) {
            problems.at(
                line,
                format!("RabbitMQ {target} refuses `{name}`: {reason}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::{Overrides, Source, load};

    const FILE: &str = r#"
[queue."t${i}"]
for.i = "0..3"
type = "classic"
durable = false
[queue.m]
type = "classic"
arguments.x-queue-mode = "lazy"
arguments.x-queue-version = 1
[queue.c]
type = "quorum"
arguments.x-consumer-timeout = "1m"
[policy.ha]
pattern = "x"
apply-to = "classic_queues"
definition.ha-mode = "all"
"#;

    fn told(target: &str) -> Vec<String> {
        let source = Source {
            name: "t.toml".to_owned(),
            text: FILE.to_owned(),
        };
        let topology = load(&source, &Overrides::default()).unwrap();
        match topology.fits(target.parse::<Target>().unwrap()) {
            Ok(()) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_a_version_rejects_is_told_once_a_line() {
        let start = |target| -> Vec<String> {
            let cut = |problem: String| problem.chars().take(45).collect();
            told(target).into_iter().map(cut).collect()
        };
        assert_eq!(
            start("3.10"),
            [
                "t.toml:10: RabbitMQ 3.10 does not know `x-con",
                "t.toml:13: RabbitMQ 3.10 knows no apply-to = ",
            ]
        );
        assert_eq!(start("3.13"), Vec::<String>::new());
        assert_eq!(
            start("4.0"),
            ["t.toml:13: RabbitMQ 4.0 refuses `ha-mode`: cl"]
        );
        assert_eq!(
            start("4.3"),
            [
                "t.toml:2: RabbitMQ 4.3 refuses transient queu",
                "t.toml:6: RabbitMQ 4.3 refuses `x-queue-mode`",
                "t.toml:6: RabbitMQ 4.3 refuses `x-queue-versi",
                "t.toml:13: RabbitMQ 4.3 refuses `ha-mode`: cl",
            ]
        );
        assert!("4.9".parse::<Target>().is_err());
    }
}
