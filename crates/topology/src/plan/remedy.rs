//! What a person can do about an object that the broker never changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Difference;
use crate::{Object, Setting, Settings};

/// The way out of a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Remedy {
    /// A policy can set all that is missing: these keys in its definition, and the arguments
    /// left out of the file.
    Policy {
        /// What the policy's definition has to say.
        definition: Settings,
    },
    /// The queue must be made anew, its messages moved.
    Migration,
    /// The exchange must be made anew; its bindings go with it.
    Recreation,
}

impl fmt::Display for Remedy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { definition } => {
                let settings: Vec<String> = definition
                    .iter()
                    .map(|(name, setting)| format!("definition.{name} = {setting}"))
                    .collect();
                write!(
                    out,
                    "leave these arguments out, and set them by a policy: {}",
                    settings.join(", ")
                )
            }
            Self::Migration => out.write_str(
                "write into the file what is there, or make the queue anew with `apply --migrate`",
            ),
            Self::Recreation => out.write_str(
                "write into the file what is there, or delete the exchange (its bindings go with it) and apply again",
            ),
        }
    }
}

/// Arguments of queues that a policy can set, and what it calls them.
const BY_POLICY: [(&str, &str); 13] = [
    ("x-consumer-timeout", "consumer-timeout"),
    ("x-dead-letter-exchange", "dead-letter-exchange"),
    ("x-dead-letter-routing-key", "dead-letter-routing-key"),
    ("x-dead-letter-strategy", "dead-letter-strategy"),
    ("x-delivery-limit", "delivery-limit"),
    ("x-expires", "expires"),
    ("x-max-age", "max-age"),
    ("x-max-length", "max-length"),
    ("x-max-length-bytes", "max-length-bytes"),
    ("x-message-ttl", "message-ttl"),
    ("x-overflow", "overflow"),
    ("x-queue-leader-locator", "queue-leader-locator"),
    (
        "x-stream-max-segment-size-bytes",
        "stream-max-segment-size-bytes",
    ),
];

/// Limits of which the broker takes the smaller, whether argument or policy.
const SMALLER_WINS: [&str; 5] = [
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-message-ttl",
    "x-delivery-limit",
];

pub(super) fn of(wanted: &Object, differences: &[Difference]) -> Remedy {
    let queue = matches!(wanted, Object::Queue(_));
    let by_policy: Option<Settings> = differences
        .iter()
        .map(|difference| policy_for(difference, queue))
        .collect();
    match by_policy {
        Some(definition) => Remedy::Policy { definition },
        None if queue => Remedy::Migration,
        None => Remedy::Recreation,
    }
}

/// The key of a policy that does what the difference asks for. An argument wins over a policy,
/// so a policy helps only where none is set, and below a limit that is.
fn policy_for(difference: &Difference, queue: bool) -> Option<(String, Setting)> {
    let argument = difference.property.strip_prefix("arguments.")?;
    let wanted = difference.wanted.clone()?;
    let below = || {
        let live = difference.live.as_ref().and_then(Setting::int);
        let lower = wanted
            .int()
            .zip(live)
            .is_some_and(|(want, have)| want < have);
        lower && SMALLER_WINS.contains(&argument)
    };
    if difference.live.is_some() && !below() {
        return None;
    }
    let name = if queue {
        let (_, name) = BY_POLICY.iter().find(|(known, _)| *known == argument)?;
        name
    } else {
        (argument == "alternate-exchange").then_some("alternate-exchange")?
    };
    Some((name.to_owned(), wanted))
}
