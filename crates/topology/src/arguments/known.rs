//! The table of arguments, and how each is read.

use crate::QueueKind::{self, Classic, Quorum, Stream};
use crate::Scalar;
use crate::document::RawEntry;
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};
use crate::units;

/// What an argument holds.
pub(super) enum Holds {
    Flag,
    Number { least: i64, most: i64 },
    Bytes { least: i64, most: i64 },
    Milliseconds { least: i64 },
    Text,
    OneOf(&'static [&'static str]),
    Age,
}

/// An argument that we know.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    pub(super) fits: &'static [QueueKind],
}

const ANY_NUMBER: Holds = Holds::Number {
    least: 0,
    most: i64::MAX,
};
const FROM_ONE: Holds = Holds::Number {
    least: 1,
    most: i64::MAX,
};
const ANY_BYTES: Holds = Holds::Bytes {
    least: 0,
    most: i64::MAX,
};

/// The largest segment that the broker takes.
const MOST_SEGMENT_BYTES: i64 = 3_000_000_000;

pub(super) const OF_QUEUES: [Known; 22] = [
    Known {
        name: "x-consumer-timeout",
        holds: Holds::Milliseconds { least: 0 },
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-dead-letter-exchange",
        holds: Holds::Text,
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-dead-letter-routing-key",
        holds: Holds::Text,
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-dead-letter-strategy",
        holds: Holds::OneOf(&["at-most-once", "at-least-once"]),
        fits: &[Quorum],
    },
    Known {
        name: "x-delivery-limit",
        // -1: no limit.
        holds: Holds::Number {
            least: -1,
            most: i64::MAX,
        },
        fits: &[Quorum],
    },
    Known {
        name: "x-expires",
        holds: Holds::Milliseconds { least: 1 },
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-initial-cluster-size",
        holds: FROM_ONE,
        fits: &[Stream],
    },
    Known {
        name: "x-max-age",
        holds: Holds::Age,
        fits: &[Stream],
    },
    Known {
        name: "x-max-length",
        holds: ANY_NUMBER,
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-max-length-bytes",
        holds: ANY_BYTES,
        fits: &[Classic, Quorum, Stream],
    },
    Known {
        name: "x-max-priority",
        holds: Holds::Number {
            least: 1,
            most: 255,
        },
        fits: &[Classic],
    },
    Known {
        name: "x-message-ttl",
        holds: Holds::Milliseconds { least: 0 },
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-overflow",
        holds: Holds::OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"]),
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-queue-leader-locator",
        holds: Holds::OneOf(&["client-local", "balanced"]),
        fits: &[Classic, Quorum, Stream],
    },
    Known {
        name: "x-queue-master-locator",
        holds: Holds::OneOf(&["client-local", "min-masters", "random"]),
        fits: &[Classic],
    },
    Known {
        name: "x-queue-mode",
        holds: Holds::OneOf(&["default", "lazy"]),
        fits: &[Classic],
    },
    Known {
        name: "x-queue-version",
        holds: Holds::Number { least: 1, most: 2 },
        fits: &[Classic],
    },
    Known {
        name: "x-quorum-initial-group-size",
        holds: FROM_ONE,
        fits: &[Quorum],
    },
    Known {
        name: "x-quorum-target-group-size",
        holds: FROM_ONE,
        fits: &[Quorum],
    },
    Known {
        name: "x-single-active-consumer",
        holds: Holds::Flag,
        fits: &[Classic, Quorum],
    },
    Known {
        name: "x-stream-filter-size-bytes",
        holds: Holds::Bytes {
            least: 16,
            most: 255,
        },
        fits: &[Stream],
    },
    Known {
        name: "x-stream-max-segment-size-bytes",
        holds: Holds::Bytes {
            least: 1,
            most: MOST_SEGMENT_BYTES,
        },
        fits: &[Stream],
    },
];

pub(super) const OF_EXCHANGES: [Known; 5] = [
    Known {
        name: "alternate-exchange",
        holds: Holds::Text,
        fits: &[],
    },
    Known {
        name: "hash-header",
        holds: Holds::Text,
        fits: &[],
    },
    Known {
        name: "hash-property",
        holds: Holds::Text,
        fits: &[],
    },
    Known {
        name: "x-delayed-type",
        holds: Holds::Text,
        fits: &[],
    },
    Known {
        name: "x-super-stream",
        holds: Holds::Flag,
        fits: &[],
    },
];

/// What a policy sets and no argument does.
const OF_POLICIES: [Known; 10] = [
    of_policy("alternate-exchange", Holds::Text),
    of_policy("federation-upstream", Holds::Text),
    of_policy("federation-upstream-set", Holds::Text),
    of_policy("ha-mode", Holds::OneOf(&["all", "exactly", "nodes"])),
    of_policy("ha-params", ANY_NUMBER),
    of_policy(
        "ha-promote-on-failure",
        Holds::OneOf(&["always", "when-synced"]),
    ),
    of_policy(
        "ha-promote-on-shutdown",
        Holds::OneOf(&["always", "when-synced"]),
    ),
    of_policy("ha-sync-batch-size", FROM_ONE),
    of_policy("ha-sync-mode", Holds::OneOf(&["manual", "automatic"])),
    of_policy("target-group-size", FROM_ONE),
];

/// What a queue is given when it is declared, or never.
const NEVER_OF_POLICIES: [&str; 4] = [
    "x-max-priority",
    "x-quorum-initial-group-size",
    "x-quorum-target-group-size",
    "x-single-active-consumer",
];

/// What a policy sets, by its name there: its own, and the arguments of queues without their `x-`.
pub(super) fn of_policies() -> impl Iterator<Item = (&'static str, &'static Known)> {
    const OWN: &[Known] = &OF_POLICIES;
    const ARGUMENTS: &[Known] = &OF_QUEUES;
    let own = OWN.iter().map(|known| (known.name, known));
    let arguments = ARGUMENTS
        .iter()
        .filter(|known| !NEVER_OF_POLICIES.contains(&known.name))
        .filter_map(|known| Some((known.name.strip_prefix("x-")?, known)));
    arguments.chain(own)
}

const fn of_policy(name: &'static str, holds: Holds) -> Known {
    Known {
        name,
        holds,
        fits: &[],
    }
}

impl Holds {
    /// Reads an argument's value and tells what is wrong with it.
    pub(super) fn read(
        &self,
        entry: &RawEntry,
        scope: Scope<'_>,
        problems: &mut Problems,
    ) -> Option<Scalar> {
        let what = format!("`{}`", entry.key);
        match self {
            Self::Flag => scope.flag(&entry.value, &what, problems).map(Scalar::Bool),
            Self::Text => scope.text(&entry.value, &what, problems).map(Scalar::Text),
            Self::OneOf(words) => {
                let text = scope.text(&entry.value, &what, problems)?;
                if !words.contains(&text.as_str()) {
                    let hint = did_you_mean(&text, words.iter().copied());
                    let message = format!(
                        "{what} is one of {}, not {}{hint}",
                        words.join(", "),
                        quote(&text)
                    );
                    problems.at(entry.value.line, message);
                    return None;
                }
                Some(Scalar::Text(text))
            }
            Self::Age => {
                let text = scope.text(&entry.value, &what, problems)?;
                if !units::is_age(&text) {
                    let message = format!(
                        "{what} is a number and one of Y M D h m s, as in \"7D\", not {}",
                        quote(&text)
                    );
                    problems.at(entry.value.line, message);
                    return None;
                }
                Some(Scalar::Text(text))
            }
            Self::Number { least, most } => number(
                entry,
                scope,
                (*least, *most),
                "a whole number",
                |_| None,
                problems,
            ),
            Self::Bytes { least, most } => number(
                entry,
                scope,
                (*least, *most),
                "a number of bytes, as in 1000 or \"64MiB\"",
                units::bytes,
                problems,
            ),
            Self::Milliseconds { least } => number(
                entry,
                scope,
                (*least, i64::MAX),
                "a number of milliseconds, as in 1000 or \"30s\"",
                units::milliseconds,
                problems,
            ),
        }
    }
}

fn number(
    entry: &RawEntry,
    scope: Scope<'_>,
    (least, most): (i64, i64),
    shape: &str,
    read: fn(&str) -> Option<i64>,
    problems: &mut Problems,
) -> Option<Scalar> {
    let name = &entry.key;
    let scalar = scope.scalar(&entry.value, &format!("`{name}`"), problems)?;
    let number = match &scalar {
        Scalar::Int(number) => Some(*number),
        Scalar::Text(text) => read(text),
        Scalar::Bool(_) => None,
    };
    let Some(number) = number else {
        problems.at(
            entry.value.line,
            format!("`{name}` is {shape}, not {}", quote(&scalar.to_string())),
        );
        return None;
    };
    if number < least || number > most {
        let range = if most == i64::MAX {
            format!("{least} or more")
        } else {
            format!("from {least} to {most}")
        };
        problems.at(
            entry.value.line,
            format!("`{name}` is {range}, not {number}"),
        );
        return None;
    }
    Some(Scalar::Int(number))
}
