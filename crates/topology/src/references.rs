//! Names that objects use of each other: every one must exist.

use std::collections::BTreeMap;

use crate::ExchangeKind;
use crate::check::{CheckedObjects, Reference, Target};
use crate::problem::{Problems, Repeated, did_you_mean, quote};

/// The exchanges that every vhost has.
pub(crate) const BUILT_IN: [(&str, ExchangeKind); 7] = [
    ("amq.direct", ExchangeKind::Direct),
    ("amq.fanout", ExchangeKind::Fanout),
    ("amq.headers", ExchangeKind::Headers),
    ("amq.match", ExchangeKind::Headers),
    ("amq.rabbitmq.log", ExchangeKind::Topic),
    ("amq.rabbitmq.trace", ExchangeKind::Topic),
    ("amq.topic", ExchangeKind::Topic),
];

/// Tells references that lead nowhere, and bindings that stand twice.
pub(crate) fn check(objects: &CheckedObjects, problems: &mut Problems) {
    for same in objects
        .references
        .chunk_by(|one, next| (one.description) == (next.description))
    {
        // One description, one mistake: by line, and told once for all its turns.
        let mut by_line: BTreeMap<u32, Repeated> = BTreeMap::new();
        for one in same {
            let repeated = by_line
                .entry(one.line)
                .or_insert_with(|| Repeated::like(problems));
            if let Some(message) = wrong(one, objects) {
                repeated.one(|problems| problems.at(one.line, message));
            }
        }
        for repeated in by_line.into_values() {
            repeated.tell(problems);
        }
    }
    twice(objects, problems);
}

fn wrong(reference: &Reference, objects: &CheckedObjects) -> Option<String> {
    let says = &reference.says;
    match &reference.target {
        Target::Queue(name) => {
            let queues = &objects.queue_names;
            let known = name.is_empty() || queues.found.contains_key(name) || !queues.complete;
            (!known).then(|| {
                let hint = did_you_mean(name, queues.found.keys().map(String::as_str));
                format!(
                    "{says} queue {}, which is not described here{hint}",
                    quote(name)
                )
            })
        }
        Target::Source { exchange, .. } if exchange.is_empty() => Some(format!(
            "{says} the default exchange, which nothing can be bound to"
        )),
        Target::Exchange(name) if name.is_empty() => None,
        Target::Exchange(name) => unknown_exchange(says, name, objects),
        Target::Source { exchange, key } => unknown_exchange(says, exchange, objects)
            .or_else(|| needs_a_key(says, exchange, *key, objects)),
    }
}

fn unknown_exchange(says: &str, name: &str, objects: &CheckedObjects) -> Option<String> {
    let described = &objects.exchange_names;
    let built_in = BUILT_IN.iter().map(|(name, _)| *name);
    if described.found.contains_key(name)
        || built_in.clone().any(|known| known == name)
        || !described.complete
    {
        return None;
    }
    let hint = did_you_mean(
        name,
        described.found.keys().map(String::as_str).chain(built_in),
    );
    Some(format!(
        "{says} exchange {}, which is not described here{hint}",
        quote(name)
    ))
}

/// An empty key is legal and seldom meant, so it is asked for where it matters.
fn needs_a_key(says: &str, exchange: &str, key: bool, objects: &CheckedObjects) -> Option<String> {
    let described = objects
        .exchange_names
        .found
        .get(exchange)
        .and_then(|(_, kind)| kind.as_ref());
    let built_in = BUILT_IN
        .iter()
        .find(|(name, _)| *name == exchange)
        .map(|(_, kind)| kind);
    let kind @ (ExchangeKind::Direct | ExchangeKind::Topic) = described.or(built_in)? else {
        return None;
    };
    (!key).then(|| {
        format!(
            "{says} {} exchange {} and says no `key` (an empty one is key = \"\")",
            kind.as_str(),
            quote(exchange)
        )
    })
}

fn twice(objects: &CheckedObjects, problems: &mut Problems) {
    let mut found: BTreeMap<_, u32> = BTreeMap::new();
    for binding in &objects.bindings {
        if let Some(line) = found.get(&binding.value) {
            problems.at(
                binding.line,
                format!(
                    "the binding {} stands at line {line} already",
                    binding.value
                ),
            );
        } else {
            found.insert(&binding.value, binding.line);
        }
    }
}
