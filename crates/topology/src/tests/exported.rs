//! What `export` writes, read again.

use proptest::prelude::*;

use super::{SHIPPED, source, valid};
use crate::{Object, Overrides, Parameter, Setting, Settings, State, export, keep_comments, load};

fn read(text: &str) -> State {
    load(&source(text), &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
        .state()
}

fn objects(state: &State) -> Vec<&Object> {
    state.objects.values().map(|one| &one.object).collect()
}

#[test]
fn the_shipped_topology_comes_back_folded() {
    let state = valid(SHIPPED, &Overrides::default()).state();
    let exported = export(&state);
    assert_eq!(objects(&read(&exported.text)), objects(&state));
    assert_eq!(exported.left_out, Vec::<String>::new());
    for line in [
        "[queue.\"Aldebaran.Shards.4-${i}\"]",
        "[queue.\"Aldebaran.Progress.4.${i}\"]",
        "[queue.\"Aldebaran.Alert.${name}\"]",
        "count = 4",
        "for.i = \"0..${count}\"",
        "key = \"${i}\", arguments = { x-stream-partition-order = \"${i}\" }",
    ] {
        assert!(exported.text.contains(line), "{line}\n{}", exported.text);
    }
}

#[test]
fn ten_thousand_queues_are_one_description() {
    let text = "[exchange.e]\ntype = \"topic\"\n[queue.\"q.${i}\"]\nfor.i = \"0..10000\"\n\
                type = \"classic\"\nbindings = [{ from = \"e\", key = [\"a.${i}\", \"b.${i}\"] }]";
    let exported = export(&valid(text, &Overrides::default()).state());
    assert_eq!(
        exported.text.matches("[queue.").count(),
        1,
        "{}",
        &exported.text[..2000]
    );
}

#[test]
fn no_password_is_written() {
    let uri = Setting::from("amqp://ann:s3cret@h");
    let mut state = State::default();
    state.insert(
        Object::Parameter(Parameter {
            component: "shovel".to_owned(),
            name: "my-move".to_owned(),
            value: Setting::Table(Settings::from([("src-uri".to_owned(), uri)])),
        }),
        None,
    );
    let exported = export(&state);
    assert!(!format!("{exported:?}").contains("s3cret"), "{exported:?}");
    let env = "value.src-uri = { env = \"SHOVEL_MY_MOVE_SRC_URI\" }";
    assert!(exported.text.contains(env), "{}", exported.text);
}

#[test]
fn comments_survive_what_we_write_ourselves() {
    let old = "\
# The topology of amqp://h vhost \"/\", written by `declare`.
# Left out: something
# Ask Ann before changing anything.

# Variables of ours.
[vars]
gone = 1 # was never used

# Orders # and more.
[queue.orders] # the shop's
type = \"classic\"
bindings = [
    # since 2020
    { from = \"amq.topic\", key = \"a.#\" }, # all of a
]
# enough for a day
arguments.x-max-length = 1000
# the end";
    let new = "\
# The topology of amqp://h vhost \"/\", written by `declare`.

[queue.orders]
type = \"classic\"
arguments.x-max-length = 2000
bindings = [{ from = \"amq.topic\", key = [\"a.#\", \"b # c\"] }]
";
    let kept = "\
# The topology of amqp://h vhost \"/\", written by `declare`.
# Ask Ann before changing anything.

# Orders # and more.
# the shop's
[queue.orders]
type = \"classic\"
# enough for a day
arguments.x-max-length = 2000
# since 2020
# all of a
bindings = [{ from = \"amq.topic\", key = [\"a.#\", \"b # c\"] }]

# Of what is no longer described:
# Variables of ours.
# was never used
# the end
";
    assert_eq!(keep_comments(old, new), kept);
    assert_eq!(objects(&read(kept)), objects(&read(new)));
    // Once more keeps them all, once.
    let again = keep_comments(kept, new);
    for comment in kept.lines().filter(|line| line.starts_with('#')) {
        assert_eq!(
            again.matches(comment).count(),
            kept.matches(comment).count(),
            "{again}"
        );
    }
    assert_eq!(keep_comments("[no toml", new), new);
}

#[test]
fn what_a_file_does_not_check_or_cannot_say_is_told_or_unchecked() {
    let text = "[queue.q]\ntype = \"classic\"\nunchecked-arguments.x-odd = 1\n\
                unchecked-arguments.x-dead-letter-exchange = \"nowhere\"\n\
                unchecked-arguments.x-queue-mode = \"odd\"";
    let mut state = read(text);
    let exported = export(&state);
    assert_eq!(objects(&read(&exported.text)), objects(&state));
    let Some(Object::Queue(mut queue)) = objects(&state).pop().cloned() else {
        panic!("a queue");
    };
    queue.name = "r".to_owned();
    queue
        .arguments
        .insert("x-list".to_owned(), Setting::List(Vec::new()));
    state.insert(Object::Queue(queue), None);
    let exported = export(&state);
    assert_eq!(exported.left_out.len(), 1);
    assert!(
        exported.left_out[0].starts_with("queue r: an argument"),
        "{exported:?}"
    );
    assert!(exported.text.contains("# Left out: queue r"));
}

/// A valid file with odd names and much that is almost alike.
fn any_file() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        (
            prop::sample::select(vec!["a.", "shop-", "x_1.", "$", "é\\\"", "$$${"]),
            0_u32..6
        )
            .prop_map(|(start, number)| format!("{start}{number}")),
        (prop::sample::select(vec!["red", "green", "blue"]), 0_u32..2)
            .prop_map(|(word, number)| format!("alert.{word}.{number}")),
    ];
    let object = (
        name,
        any::<bool>(),
        prop::option::of(0_i64..5),
        prop::collection::btree_set(
            prop::sample::select(vec!["", "k.1", "k.2", "red", "$$${x}"]),
            0..3,
        ),
        prop::sample::select(vec!["amq.topic", "main"]),
    );
    prop::collection::btree_map("[0-9]{6}", object, 0..14).prop_map(|objects| {
        let mut text = String::from("[exchange.main]\ntype = \"topic\"\n");
        let mut seen = std::collections::BTreeSet::new();
        for (name, durable, length, keys, from) in objects.into_values() {
            if !seen.insert(name.clone()) {
                continue;
            }
            text.push_str(&format!(
                "[queue.{}]\ntype = \"classic\"\ndurable = {durable}\n",
                toml(&name)
            ));
            if let Some(length) = length {
                text.push_str(&format!("arguments.x-max-length = {length}\n"));
            }
            let bindings: Vec<String> = keys
                .iter()
                .map(|key| {
                    format!(
                        "{{ from = \"{from}\", key = {}, arguments = {{ x-n = {} }} }}",
                        toml(key),
                        key.len() % 2
                    )
                })
                .collect();
            text.push_str(&format!("bindings = [{}]\n", bindings.join(", ")));
        }
        text
    })
}

fn toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

proptest! {
    #[test]
    fn every_file_comes_back(text in any_file()) {
        let state = read(&text);
        let exported = export(&state);
        let again = read(&exported.text);
        prop_assert_eq!(objects(&again), objects(&state));
        prop_assert!(exported.left_out.is_empty());
    }
}
