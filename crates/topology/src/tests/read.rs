//! Files without problems.

use super::valid;
use crate::{Overrides, Scalar, Setting, Value};

#[test]
fn of_the_environment_only_our_own_counts() {
    let environment = [("PATH", "/bin"), ("ALDEBARAN_SET_SHARDS", "8")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let overrides = Overrides::collect(environment, ["alert_keys=a=b,c", "shards"]);
    assert_eq!(
        overrides.from_environment,
        [("ALDEBARAN_SET_SHARDS".to_owned(), "8".to_owned())]
    );
    assert_eq!(
        overrides.from_command_line,
        [("alert_keys".to_owned(), "a=b,c".to_owned())]
    );
    assert_eq!(overrides.unreadable, ["shards"]);
}

#[test]
fn what_the_tables_do_not_know_passes_when_it_is_said_to() {
    let text = "[queue.q]\ntype = \"classic\"\nunchecked-arguments.x-new = 1";
    assert_eq!(
        valid(text, &Overrides::default()).queues[0].value.arguments["x-new"],
        Setting::Int(1)
    );
}

#[test]
fn repetitions_combine_and_lists_of_keys_are_many_bindings() {
    let text = r#"
[vars]
keys = ["a", "b"]
[exchange.e]
type = "topic"
[queue."${x}-${y}"]
for.x = "0..2"
for.y = ["l", "r"]
type = "classic"
bindings = [{ from = "e", key = "${keys}" }]
"#;
    let topology = valid(text, &Overrides::default());
    let queues: Vec<_> = topology
        .queues
        .iter()
        .map(|one| one.value.name.as_str())
        .collect();
    assert_eq!(queues, ["0-l", "0-r", "1-l", "1-r"]);
    assert_eq!(topology.bindings.len(), 8);
    assert_eq!(
        topology.vars["keys"],
        Value::List(vec![Scalar::Text("a".into()), Scalar::Text("b".into())])
    );
}

#[test]
fn alternates_in_a_circle_end() {
    let text = "[exchange.a]\ntype = \"fanout\"\narguments.alternate-exchange = \"b\"\n[exchange.b]\ntype = \"fanout\"\narguments.alternate-exchange = \"a\"";
    assert_eq!(valid(text, &Overrides::default()).steps().len(), 2);
}

#[test]
fn a_topology_without_shards_says_so() {
    let said = valid("[vars]\nshards = 0", &Overrides::default())
        .shards()
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("t.toml") && said.contains("it is 0"),
        "{said}"
    );
    assert!(valid("", &Overrides::default()).shards().is_err());
}
