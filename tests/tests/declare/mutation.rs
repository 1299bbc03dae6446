//! What another client may do to a broker, and what a plan must say then.

use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::property::{Drawn, encoded};
use crate::world::World;

/// Changes something, and gives the entries of the plan that name it.
type Mutation = fn(&World<'_>, &Drawn, &mut StdRng) -> Result<Vec<String>>;

/// Each with its name.
pub(crate) const MUTATIONS: [(&str, Mutation); 20] = [
    ("a queue too many", queue_too_many),
    ("an exchange too many", exchange_too_many),
    ("a binding too many", binding_too_many),
    (
        "a binding between exchanges too many",
        inner_binding_too_many,
    ),
    ("a policy too many", policy_too_many),
    ("a parameter too many", parameter_too_many),
    ("a topic permission too many", topic_permission_too_many),
    ("a queue is gone", queue_gone),
    ("an exchange is gone", exchange_gone),
    ("a binding is gone", binding_gone),
    ("a policy is gone", policy_gone),
    ("a permission is gone", permission_gone),
    ("another pattern", policy_changed),
    ("another operator policy", operator_policy_changed),
    ("other rights", permission_changed),
    ("other tags", user_changed),
    ("another limit", limit_changed),
    ("another parameter", parameter_changed),
    ("a queue made anew", queue_made_anew),
    ("an exchange made anew", exchange_made_anew),
];

fn said(words: &str) -> Result<Vec<String>> {
    Ok(vec![words.to_owned()])
}

fn a_queue(drawn: &Drawn, random: &mut StdRng) -> String {
    format!("q/{}", random.random_range(0..drawn.queues))
}

fn an_exchange(drawn: &Drawn, random: &mut StdRng) -> String {
    format!("e {}", random.random_range(0..drawn.exchanges))
}

fn a_policy(drawn: &Drawn, random: &mut StdRng) -> String {
    format!("p{}", random.random_range(0..drawn.policies))
}

fn in_words(binding: &Value) -> String {
    let text = |name: &str| binding[name].as_str().unwrap_or_default().to_owned();
    format!(
        "{} -> {} (key {:?})",
        text("source"),
        text("destination"),
        text("routing_key")
    )
}

/// The bindings that go when this goes.
fn bindings_of(world: &World<'_>, kind: &str, name: &str) -> Result<Vec<String>> {
    let all = world.list("bindings")?;
    let leads = |one: &&Value| {
        let from = kind == "exchange" && one["source"] == name;
        let to = one["destination_type"] == kind && one["destination"] == name;
        one["source"] != "" && (from || to)
    };
    let gone = all.iter().filter(leads);
    Ok(gone
        .map(|one| format!("create binding {}", in_words(one)))
        .collect())
}

/// What exists is deleted and made otherwise.
fn made_anew(world: &World<'_>, kind: &str, name: &str, body: &str) -> Result<Vec<String>> {
    let mut expected = bindings_of(world, kind, name)?;
    let kinds = format!("{kind}s");
    world.delete(&kinds, &encoded(name))?;
    world.put(&kinds, &encoded(name), body)?;
    expected.push(format!("conflict {kind} {name}"));
    Ok(expected)
}

fn queue_too_many(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    world.put("queues", "other", r#"{"durable":true}"#)?;
    said("destroy queue other")
}

fn exchange_too_many(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    world.put("exchanges", "other", r#"{"type":"fanout","durable":true}"#)?;
    said("destroy exchange other")
}

/// Another only by its arguments, which are part of what it is.
fn binding_too_many(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let (from, to) = (an_exchange(drawn, random), a_queue(drawn, random));
    let body = r#"{"routing_key":"k.0","arguments":{"x":false}}"#;
    world.bind(&encoded(&from), &encoded(&to), body)?;
    Ok(vec![format!(
        "destroy binding {from} -> {to} (key \"k.0\")"
    )])
}

fn inner_binding_too_many(
    world: &World<'_>,
    drawn: &Drawn,
    random: &mut StdRng,
) -> Result<Vec<String>> {
    let to = an_exchange(drawn, random);
    let path = format!("/bindings/{}/e/amq.topic/e/{}", world.vhost(), encoded(&to));
    world.admin()?.post(&path, r#"{"routing_key":"a.#"}"#)?;
    Ok(vec![format!(
        "destroy binding amq.topic -> {to} (key \"a.#\")"
    )])
}

fn policy_too_many(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let body = r#"{"pattern":"x","definition":{"expires":9}}"#;
    world.put("policies", "other", body)?;
    said("destroy policy other")
}

fn parameter_too_many(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let body = r#"{"value":{"uri":"amqp://elsewhere"}}"#;
    world.put("parameters/federation-upstream", "other", body)?;
    said("destroy parameter federation-upstream other")
}

fn topic_permission_too_many(
    world: &World<'_>,
    drawn: &Drawn,
    _: &mut StdRng,
) -> Result<Vec<String>> {
    let body = r#"{"exchange":"amq.fanout","write":"a","read":"b"}"#;
    world.put("topic-permissions", &drawn.user, body)?;
    let user = &drawn.user;
    Ok(vec![format!(
        "destroy topic-permission {user} on amq.fanout"
    )])
}

fn queue_gone(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let queue = a_queue(drawn, random);
    let mut expected = bindings_of(world, "queue", &queue)?;
    world.delete("queues", &encoded(&queue))?;
    expected.push(format!("create queue {queue}"));
    Ok(expected)
}

fn exchange_gone(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let exchange = an_exchange(drawn, random);
    let mut expected = bindings_of(world, "exchange", &exchange)?;
    world.delete("exchanges", &encoded(&exchange))?;
    expected.push(format!("create exchange {exchange}"));
    Ok(expected)
}

fn binding_gone(world: &World<'_>, _: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let mut all = world.list("bindings")?;
    all.retain(|one| one["source"] != "" && one["destination_type"] == "queue");
    ensure!(!all.is_empty(), "there are no bindings");
    let one = &all[random.random_range(0..all.len())];
    let text = |name: &str| one[name].as_str().context("a text");
    let (from, to) = (encoded(text("source")?), encoded(text("destination")?));
    let key = encoded(text("properties_key")?);
    let path = format!("/bindings/{}/e/{from}/q/{to}/{key}", world.vhost());
    world.admin()?.delete(&path)?;
    Ok(vec![format!("create binding {}", in_words(one))])
}

fn policy_gone(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let policy = a_policy(drawn, random);
    world.delete("policies", &policy)?;
    Ok(vec![format!("create policy {policy}")])
}

fn permission_gone(world: &World<'_>, drawn: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    world.delete("permissions", &drawn.user)?;
    Ok(vec![format!("create permission {}", drawn.user)])
}

fn policy_changed(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let policy = a_policy(drawn, random);
    let all = world.list("policies")?;
    let there = all.iter().find(|one| one["name"] == policy.as_str());
    let mut body = there.context("the policy")?.clone();
    body["pattern"] = "^other".into();
    world.put("policies", &policy, &body.to_string())?;
    Ok(vec![format!("change policy {policy}")])
}

fn operator_policy_changed(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let body = r#"{"pattern":"^x","apply-to":"queues","definition":{"expires":1}}"#;
    world.put("operator-policies", "o", body)?;
    said("change operator-policy o")
}

fn permission_changed(world: &World<'_>, drawn: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let user = &drawn.user;
    // One of the three alone.
    let body = format!(r#"{{"configure":".*","write":"^{user}","read":".*"}}"#);
    world.put("permissions", user, &body)?;
    Ok(vec![format!("change permission {user}")])
}

fn user_changed(world: &World<'_>, drawn: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let body = r#"{"tags":"administrator","password_hash":""}"#;
    world
        .admin()?
        .put(&format!("/users/{}", drawn.user), body)?;
    Ok(vec![format!("change user {}", drawn.user)])
}

fn limit_changed(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let path = format!("/vhost-limits/{}/max-queues", world.vhost());
    world.admin()?.put(&path, r#"{"value":8000}"#)?;
    Ok(vec![format!("change vhost {}", world.vhost())])
}

fn parameter_changed(world: &World<'_>, _: &Drawn, _: &mut StdRng) -> Result<Vec<String>> {
    let body = r#"{"value":{"uri":"amqp://localhost","max-hops":3}}"#;
    world.put("parameters/federation-upstream", "up", body)?;
    said("change parameter federation-upstream up")
}

/// The same type and one argument more.
fn queue_made_anew(world: &World<'_>, drawn: &Drawn, random: &mut StdRng) -> Result<Vec<String>> {
    let queue = a_queue(drawn, random);
    let all = world.list("queues")?;
    let there = all.iter().find(|one| one["name"] == queue.as_str());
    let mut arguments = there.context("the queue")?["arguments"].clone();
    arguments["x-something"] = 1.into();
    let body = serde_json::json!({ "durable": true, "arguments": arguments });
    made_anew(world, "queue", &queue, &body.to_string())
}

fn exchange_made_anew(
    world: &World<'_>,
    drawn: &Drawn,
    random: &mut StdRng,
) -> Result<Vec<String>> {
    let exchange = an_exchange(drawn, random);
    let body = r#"{"type":"direct","durable":true,"arguments":{"x-note":"other"}}"#;
    made_anew(world, "exchange", &exchange, body)
}
