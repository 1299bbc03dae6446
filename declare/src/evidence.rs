//! A plan without the management API: as much as AMQP tells, and no more.
//!
//! A passive declaration tells whether a name exists. Declaring again what exists changes
//! nothing, and the broker compares some of it. Nothing lists what else there is, nothing tells
//! of bindings, and nothing of policies, users and permissions.

use std::collections::BTreeSet;

use broker::Error;
use futures::future::try_join_all;
use topology::{Action, Described, Entry, Evidence, Key, Object, Plan, Scope, State, diff};

use crate::object;
use crate::place::Place;
use crate::session::Session;

/// How many objects are asked after at the same time. A missing one costs a channel, so this
/// is bound by the broker.
const AT_ONCE: usize = 8;

const COMPARED_OF_EXCHANGES: &str =
    "type, durable, auto-delete, internal and alternate-exchange are as wanted";
const COMPARED_OF_QUEUES: &str =
    "type, durable, auto-delete and the arguments that the broker compares are as wanted";

/// What is missing and what conflicts, and for all else what could be verified and what not.
/// Nothing counts as in sync.
pub(crate) async fn plan(wanted: &State, place: &Place) -> Result<Plan, Error> {
    // Compared with nothing, everything is to be created: in the right order, with its lines.
    let nothing = State {
        origin: place.name(),
        ..State::default()
    };
    let mut plan = diff(wanted, &nothing, &Scope::default());
    let (asked, bindings): (Vec<Entry>, Vec<Entry>) = std::mem::take(&mut plan.entries)
        .into_iter()
        .partition(|entry| !matches!(entry.wanted, Some(Object::Binding(_))));
    let part = asked.len().div_ceil(AT_ONCE).max(1);
    let parts = asked.chunks(part).map(|part| look_at_all(part, place));
    let looked: Vec<Entry> = try_join_all(parts).await?.concat();
    let missing: BTreeSet<Key> = looked
        .iter()
        .filter(|entry| entry.action == Action::Create)
        .filter_map(Entry::key)
        .collect();
    let bindings = bindings.into_iter().map(|entry| {
        let new = match &entry.wanted {
            Some(Object::Binding(one)) => {
                let from = Key::Exchange(one.from.clone());
                missing.contains(&from) || missing.contains(&one.to.key())
            }
            _ => false,
        };
        if new {
            entry
        } else {
            unverified(entry, &[], "whether it is there: AMQP cannot ask")
        }
    });
    plan.entries = looked.into_iter().chain(bindings).collect();
    Ok(plan)
}

/// An object that exists, as far as AMQP can tell whether it is as wanted; nothing when it does
/// not exist.
pub(crate) async fn look(
    session: &mut Session<'_>,
    wanted: &Described,
) -> Result<Option<Evidence>, Error> {
    let evidence = |compared: &str, rest: &str| Evidence {
        verified: vec!["it exists".to_owned(), compared.to_owned()],
        unverified: vec![rest.to_owned()],
    };
    match &wanted.object {
        Object::Exchange(one) => {
            let name = one.name.as_str();
            let there = session
                .call(async |channel| channel.exchange_exists(name).await)
                .await?;
            if !there || one.auto_delete {
                return Ok(there.then(only_there));
            }
            let again = object::exchange(one);
            session
                .call(async |channel| channel.declare_exchange(&again).await)
                .await?;
            Ok(Some(evidence(COMPARED_OF_EXCHANGES, "its other arguments")))
        }
        Object::Queue(one) => {
            let name = one.name.as_str();
            let there = session
                .call(async |channel| channel.queue_exists(name).await)
                .await?;
            if !there || one.auto_delete {
                return Ok(there.then(only_there));
            }
            let again = object::queue(one);
            session
                .call(async |channel| channel.declare_queue(&again).await)
                .await?;
            Ok(Some(evidence(COMPARED_OF_QUEUES, "its other arguments")))
        }
        _ => Ok(Some(Evidence {
            verified: Vec::new(),
            unverified: vec!["everything: that needs the management API".to_owned()],
        })),
    }
}

/// What deletes itself could be gone between the two questions, and declaring it would make it.
fn only_there() -> Evidence {
    Evidence {
        verified: vec!["it exists".to_owned()],
        unverified: vec!["its type, its flags and its arguments".to_owned()],
    }
}

async fn look_at_all(entries: &[Entry], place: &Place) -> Result<Vec<Entry>, Error> {
    let mut session = Session::open(&place.endpoint).await?;
    let mut looked = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(object) = entry.wanted.clone() else {
            continue;
        };
        let wanted = Described {
            object,
            line: entry.line,
            counts: None,
        };
        looked.push(match look(&mut session, &wanted).await {
            Ok(None) => entry.clone(),
            Ok(Some(evidence)) => Entry {
                action: Action::Unverified,
                evidence: Some(evidence),
                ..entry.clone()
            },
            Err(Error::Conflict(words)) => Entry {
                action: Action::Conflict,
                evidence: Some(Evidence {
                    verified: vec![words],
                    unverified: vec!["every other difference".to_owned()],
                }),
                ..entry.clone()
            },
            Err(error @ Error::Lost(_)) => return Err(error),
            Err(error) => unverified(entry.clone(), &[], &error.to_string()),
        });
    }
    session.close().await;
    Ok(looked)
}

fn unverified(entry: Entry, verified: &[&str], what: &str) -> Entry {
    Entry {
        action: Action::Unverified,
        evidence: Some(Evidence {
            verified: verified.iter().map(|one| (*one).to_owned()).collect(),
            unverified: vec![what.to_owned()],
        }),
        ..entry
    }
}
