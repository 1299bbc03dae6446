//! A file against a live broker: what the plan says.

use super::valid;
use crate::{Action, Counts, Key, Overrides, Plan, Remedy, Settings, State, diff};

const FILE: &str = r#"
[exchange.e]
type = "topic"
[queue.q]
type = "quorum"
arguments.x-max-length = 5
bindings = [{ from = "e", key = "a" }]
[queue.s]
type = "stream"
[policy.p]
pattern = ".*"
definition.max-length = 5
[manage]
queues = ["q*", "s"]
exchanges = ["e"]
"#;

fn wanted() -> State {
    valid(FILE, &Overrides::default()).state()
}

fn plan(live: &State) -> Plan {
    let topology = valid(FILE, &Overrides::default());
    diff(&topology.state(), live, &topology.scope)
}

/// The live state that another file would give.
fn like(text: &str) -> State {
    valid(text, &Overrides::default()).state()
}

fn said(plan: &Plan) -> Vec<String> {
    let entries = plan.entries.iter();
    entries
        .map(|entry| format!("{:?} {}", entry.action, entry.name))
        .collect()
}

#[test]
fn the_same_is_in_sync_and_nothing_is_everything() {
    let same = plan(&wanted());
    assert_eq!((same.entries.len(), same.in_sync), (0, 5));
    let all = plan(&State::default());
    assert_eq!((all.count(Action::Create), all.in_sync), (5, 0));
    assert_ne!(same.fingerprint, all.fingerprint);
}

#[test]
fn what_differs_is_changed_where_the_broker_can_and_is_a_conflict_where_it_cannot() {
    let live = FILE
        .replace("x-max-length = 5", "x-delivery-limit = 7")
        .replace("definition.max-length = 5", "definition.max-length = 6")
        .replace("\"topic\"", "\"direct\"");
    let plan = plan(&like(&live));
    assert_eq!(said(&plan), ["Change p", "Conflict e", "Conflict q"]);
    let queue = &plan.entries[2];
    let differing: Vec<_> = queue
        .differences
        .iter()
        .map(|one| one.property.as_str())
        .collect();
    assert_eq!(
        differing,
        ["arguments.x-delivery-limit", "arguments.x-max-length"]
    );
    assert_eq!(queue.remedy, Some(Remedy::Migration));
    assert_eq!(queue.line, Some(4));
    assert_eq!(plan.entries[1].remedy, Some(Remedy::Recreation));
}

#[test]
fn a_policy_is_the_remedy_where_a_policy_can_do_it() {
    let remedy = |live: &str| {
        let live = FILE.replace("arguments.x-max-length = 5", live);
        plan(&like(&live)).entries[0].remedy.clone()
    };
    let definition = Settings::from([("max-length".to_owned(), crate::Setting::Int(5))]);
    let policy = Some(Remedy::Policy { definition });
    assert_eq!(remedy(""), policy);
    assert_eq!(
        remedy("arguments.x-max-length = 9"),
        policy,
        "the smaller wins"
    );
    assert_eq!(
        remedy("arguments.x-max-length = 4"),
        Some(Remedy::Migration)
    );
}

#[test]
fn what_is_owned_and_not_described_goes_with_its_bindings_and_the_rest_is_listed() {
    let live = format!(
        "{FILE}{}",
        r#"
[queue.q2]
type = "classic"
bindings = [{ from = "e", key = "b" }]
[queue.other]
type = "classic"
bindings = [{ from = "e", key = "c" }]
"#
    )
    .replace("key = \"a\" }]", "key = [\"a\", \"stale\"] }]");
    let live = live.replace(
        "[manage]\nqueues = [\"q*\", \"s\"]\nexchanges = [\"e\"]\n",
        "",
    );
    let mut live = like(&live);
    let counts = Some(Counts {
        messages: 3,
        consumers: 1,
    });
    if let Some(queue) = live.objects.get_mut(&Key::Queue("q2".to_owned())) {
        queue.counts = counts;
    }
    let plan = plan(&live);
    let expected = [
        "Destroy e -> q (key \"stale\")",
        "Destroy q2",
        "Unmanaged other",
        "Unmanaged e -> other (key \"c\")",
    ];
    assert_eq!(said(&plan), expected);
    assert_eq!(plan.entries[1].counts, counts);
    assert_eq!(plan.in_sync, 5);
}

#[test]
fn what_cannot_be_read_is_unverified_and_never_in_sync() {
    let mut live = wanted();
    live.objects.remove(&Key::Policy("p".to_owned()));
    live.unread.insert("policy", "the user may not".to_owned());
    let plan = plan(&live);
    assert_eq!(said(&plan), ["Unverified p"]);
    assert_eq!(plan.in_sync, 4);
}

#[test]
fn a_plan_survives_its_json_and_others_are_refused() {
    let plan = plan(&like(&FILE.replace("x-max-length = 5", "x-max-length = 9")));
    let json = plan.to_json();
    assert_eq!(Plan::from_json(&json), Ok(plan));
    assert!(Plan::from_json("{}").unwrap_err().contains("no saved plan"));
    let newer = json.replace("\"version\": 1", "\"version\": 2");
    assert!(
        Plan::from_json(&newer)
            .unwrap_err()
            .contains("reads version 1")
    );
}
