//! Routes against a slow oracle that shares no line with the walk.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::valid;
use crate::{
    Binding, Certainty, Destination, Exchange, ExchangeKind, Message, Object, Overrides, Queue,
    QueueKind, Routing, Setting, Settings, State,
};

const EXCHANGES: [&str; 4] = ["e0", "e1", "e2", "amq.topic"];

fn exchange(name: &str, kind: &str, alternate: Option<&str>) -> Object {
    let alternate = alternate.map(|name| ("alternate-exchange".to_owned(), Setting::from(name)));
    Object::Exchange(Exchange {
        name: name.to_owned(),
        kind: ExchangeKind::of(kind),
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: alternate.into_iter().collect(),
    })
}

fn queue(name: &str) -> Object {
    Object::Queue(Queue {
        name: name.to_owned(),
        kind: QueueKind::Classic,
        durable: true,
        auto_delete: false,
        arguments: Settings::from([("x-queue-type".to_owned(), Setting::from("classic"))]),
    })
}

prop_compose! {
    fn any_binding()(
        from in prop::sample::select(EXCHANGES.to_vec()),
        to in prop_oneof![
            prop::sample::select(vec!["q0", "q1", "q2"]).prop_map(|name| Destination::Queue(name.to_owned())),
            prop::sample::select(EXCHANGES.to_vec()).prop_map(|name| Destination::Exchange(name.to_owned())),
        ],
        key in prop::sample::select(vec!["", "a", "a.b", "*", "a.*", "#", "#.b", "a.#.b"]),
        arguments in prop::collection::btree_map("[hg]", 0_i64..3, 0..3),
        mode in prop::option::of(prop::sample::select(vec!["any", "all"])),
    ) -> Object {
        let mut settings: Settings =
            arguments.into_iter().map(|(name, number)| (name, Setting::Int(number))).collect();
        settings.extend(mode.map(|mode| ("x-match".to_owned(), Setting::from(mode))));
        Object::Binding(Binding { from: from.to_owned(), to, key: key.to_owned(), arguments: settings })
    }
}

prop_compose! {
    fn any_state()(
        kinds in prop::collection::vec(prop::sample::select(vec!["direct", "fanout", "topic", "headers"]), 3),
        alternates in prop::collection::vec(prop::option::of(prop::sample::select(EXCHANGES.to_vec())), 3),
        bindings in prop::collection::vec(any_binding(), 0..14),
    ) -> State {
        let mut state = State::default();
        for (at, (kind, alternate)) in kinds.iter().zip(&alternates).enumerate() {
            state.insert(exchange(EXCHANGES[at], kind, *alternate), None);
        }
        for name in ["q0", "q1", "q2"] {
            state.insert(queue(name), None);
        }
        for binding in bindings {
            state.insert(binding, None);
        }
        state
    }
}

/// What comes to which queue, found by adding to a set until nothing is new.
fn oracle(state: &State, message: &Message) -> BTreeSet<String> {
    let objects = || state.objects.values().map(|one| &one.object);
    let kind = |name: &str| {
        let found = objects().find_map(|object| match object {
            Object::Exchange(one) if one.name == name => Some(one.kind.as_str().to_owned()),
            _ => None,
        });
        found.unwrap_or_else(|| "topic".to_owned())
    };
    let leads = |binding: &Binding| match kind(&binding.from).as_str() {
        "fanout" => true,
        "direct" => binding.key == message.key,
        "topic" => words_fit(&words(&binding.key), &words(&message.key)),
        _ => headers_fit(&binding.arguments, &message.headers),
    };
    let mut here = BTreeSet::from([Destination::Exchange(message.exchange.clone())]);
    loop {
        let mut next = here.clone();
        for place in &here {
            let Destination::Exchange(name) = place else {
                continue;
            };
            let ways: Vec<Destination> = objects()
                .filter_map(|object| match object {
                    Object::Binding(one) if one.from == *name && leads(one) => Some(one.to.clone()),
                    _ => None,
                })
                .collect();
            if ways.is_empty() {
                next.extend(objects().filter_map(|object| match object {
                    Object::Exchange(one) if one.name == *name => {
                        let alternate = one.arguments.get("alternate-exchange")?.text()?;
                        Some(Destination::Exchange(alternate.to_owned()))
                    }
                    _ => None,
                }));
            }
            next.extend(ways);
        }
        if next == here {
            break;
        }
        here = next;
    }
    let queue = |place| match place {
        Destination::Queue(name) => Some(name),
        Destination::Exchange(_) => None,
    };
    here.into_iter().filter_map(queue).collect()
}

fn words(key: &str) -> Vec<&str> {
    key.split('.').filter(|_| !key.is_empty()).collect()
}

fn words_fit(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], rest) => rest.is_empty(),
        (["#", behind @ ..], rest) => (0..=rest.len()).any(|n| words_fit(behind, &rest[n..])),
        ([wanted, behind @ ..], [word, rest @ ..]) => {
            (*wanted == "*" || wanted == word) && words_fit(behind, rest)
        }
        (_, []) => false,
    }
}

fn headers_fit(asked: &Settings, headers: &Settings) -> bool {
    let any = asked.get("x-match") == Some(&Setting::from("any"));
    let mut fits = asked
        .iter()
        .filter(|(name, _)| *name != "x-match")
        .map(|(name, value)| headers.get(name) == Some(value));
    if any {
        fits.any(|fits| fits)
    } else {
        fits.all(|fits| fits)
    }
}

proptest! {
    #[test]
    fn as_the_oracle_says(
        state in any_state(),
        from in prop::sample::select(EXCHANGES.to_vec()),
        key in "([ab](\\.[ab]){0,3})?",
        headers in prop::collection::btree_map("[hg]", 0_i64..3, 0..3),
    ) {
        let message = Message {
            exchange: from.to_owned(),
            key,
            headers: headers.into_iter().map(|(name, number)| (name, Setting::Int(number))).collect(),
        };
        let route = Routing::of(&state).route(&message);
        prop_assert!(route.queues.values().all(|one| *one == Certainty::Yes));
        let names: BTreeSet<String> = route.queues.into_keys().collect();
        prop_assert_eq!(names, oracle(&state, &message));
    }
}

fn route(text: &str, exchange: &str, key: &str) -> crate::Route {
    let state = valid(text, &Overrides::default()).state();
    Routing::of(&state).route(&Message {
        exchange: exchange.to_owned(),
        key: key.to_owned(),
        headers: Settings::new(),
    })
}

#[test]
fn what_the_broker_would_refuse_is_said() {
    let text =
        "[exchange.inner]\ntype = \"fanout\"\ninternal = true\n[queue.orders]\ntype = \"classic\"";
    let refused = |exchange: &str| route(text, exchange, "").refused.unwrap();
    assert!(refused("iner").contains("did you mean `inner`?"));
    assert!(refused("inner").contains("internal"));
    assert!(route(text, "", "orders").queues.contains_key("orders"));
    let nowhere = route(text, "", "order");
    assert!(
        nowhere.queues.is_empty() && nowhere.visits[0].bindings[0].why.contains("did you mean")
    );
}

#[test]
fn chance_is_told_apart_from_certainty() {
    let text = "[exchange.h]\ntype = \"x-consistent-hash\"\n\
                [queue.\"q${i}\"]\nfor.i = \"0..2\"\ntype = \"classic\"\nbindings = [{ from = \"h\", key = \"1\" }]";
    let route = route(text, "h", "k");
    assert!(route.queues.values().all(|one| *one == Certainty::Perhaps));
    assert_eq!(route.queues.len(), 2);
}

#[test]
fn an_alternate_exchange_can_come_from_a_policy() {
    let text = "[exchange.main]\ntype = \"direct\"\n[exchange.rest]\ntype = \"fanout\"\n\
                [queue.q]\ntype = \"classic\"\nbindings = [{ from = \"rest\" }]\n\
                [policy.p]\npattern = \"^main$\"\napply-to = \"exchanges\"\ndefinition.alternate-exchange = \"rest\"";
    assert!(route(text, "main", "x").queues.contains_key("q"));
    assert!(route(text, "amq.direct", "x").queues.is_empty());
}
