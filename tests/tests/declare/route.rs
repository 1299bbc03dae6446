//! `declare route` says what the broker does.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Amqp, Outcome};

use crate::world::{World, on_each};

/// Every way that a message can take.
const TOPOLOGY: &str = r##"
[exchange.direct]
type = "direct"
arguments.alternate-exchange = "rest"
[exchange.topic]
type = "topic"
bindings = [{ from = "direct", key = "onwards" }]
[exchange.headers]
type = "headers"
bindings = [{ from = "topic", key = "*.headers.#" }]
[exchange.rest]
type = "fanout"
[exchange.inner]
type = "fanout"
internal = true
[queue.d]
type = "classic"
bindings = [{ from = "direct", key = ["a", "b"] }]
[queue.t]
type = "classic"
bindings = [{ from = "topic", key = ["a.*", "#.z", ""] }]
[queue.all]
type = "quorum"
bindings = [{ from = "headers", key = "", arguments = { x-match = "all", n = 3, w = "w" } }]
[queue.any]
type = "classic"
bindings = [{ from = "headers", key = "", arguments = { x-match = "any", n = 3, w = "w" } }]
[queue.typed]
type = "classic"
bindings = [{ from = "headers", key = "", arguments = { n = "3" } }]
[queue.rest]
type = "classic"
bindings = [{ from = "rest" }]
"##;

/// Exchange, key, headers.
type Asked = (&'static str, &'static str, Vec<(&'static str, Value)>);

fn asked() -> Vec<Asked> {
    let (n, w) = (("n", json!(3)), ("w", json!("w")));
    let mut asked: Vec<Asked> = vec![
        ("", "d", vec![]),
        ("", "nothing", vec![]),
        ("direct", "a", vec![]),
        ("direct", "unknown", vec![]),
        ("direct", "onwards", vec![]),
        ("headers", "", vec![n.clone(), w.clone()]),
        ("headers", "", vec![n]),
        ("headers", "", vec![w.clone(), ("n", json!("3"))]),
        ("headers", "", vec![("n", json!("3"))]),
        ("headers", "", vec![]),
        ("topic", "x.headers.a.z", vec![w]),
    ];
    for key in ["", "a", "a.b", "a.b.c", "z", "a.z", ".", "a.", "x.headers"] {
        asked.push(("topic", key, vec![]));
    }
    asked
}

#[test]
fn nobody_says_where_a_message_would_go_and_route_says_what_the_broker_does() -> Outcome {
    on_each(|world| {
        world.topology(TOPOLOGY)?;
        world.declare(&["apply", "--yes"], 0)?;
        let amqp = world.stage.amqp()?;
        for (at, (exchange, key, headers)) in asked().into_iter().enumerate() {
            let got = published(&amqp, exchange, key, &headers, &at.to_string())?;
            for live in [false, true] {
                let said = route(world, exchange, key, &headers, live)?;
                ensure!(
                    said == got,
                    "{exchange:?} {key:?} {headers:?}: {got:?} got it, and route (live: {live}) said {said:?}"
                );
            }
        }
        Ok(())
    })
}

#[test]
fn what_the_broker_refuses_route_refuses() -> Outcome {
    on_each(|world| {
        world.topology(TOPOLOGY)?;
        let refused = world.declare(&["route", "inner", "k"], 2)?;
        ensure!(refused.log.contains("internal"), "{}", refused.log);
        let refused = world.declare(&["route", "dirct", "k"], 2)?;
        ensure!(
            refused.log.contains("did you mean `direct`?"),
            "{}",
            refused.log
        );
        Ok(())
    })
}

/// The queues that got the message.
fn published(
    amqp: &Amqp,
    exchange: &str,
    key: &str,
    headers: &[(&str, Value)],
    body: &str,
) -> Result<BTreeSet<String>> {
    // One that no queue takes comes back, which is no failure here.
    let _ = amqp.publish_with(exchange, key, body, headers);
    let mut got = BTreeSet::new();
    for queue in ["d", "t", "all", "any", "typed", "rest"] {
        if !amqp.drain(queue)?.is_empty() {
            got.insert(queue.to_owned());
        }
    }
    Ok(got)
}

fn route(
    world: &World<'_>,
    exchange: &str,
    key: &str,
    headers: &[(&str, Value)],
    live: bool,
) -> Result<BTreeSet<String>> {
    let mut arguments: Vec<String> = ["route", exchange, key, "--output", "json"]
        .map(str::to_owned)
        .to_vec();
    for (name, value) in headers {
        arguments.push("--header".to_owned());
        arguments.push(format!("{name}={value}")); // a text comes in quotes
    }
    if live {
        arguments.push("--live".to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said: Value = serde_json::from_str(&world.declare(&arguments, 0)?.output)?;
    let queues = said["queues"].as_object().into_iter().flatten();
    Ok(queues.map(|(name, _)| name.clone()).collect())
}
