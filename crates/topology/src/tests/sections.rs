//! Users, permissions, policies, parameters, the scope and profiles.

use super::{problems, valid};
use crate::{Key, Object, Overrides, Secret, Setting};

const ALL: &str = r#"
[vars]
app = "shop"
[vhost."orders"]
description = "orders"
default-queue-type = "quorum"
limits.max-queues = 100
[user."${app}"]
tags = ["monitoring"]
password = { env = "SHOP_PASSWORD" }
[permission."${app}"]
configure = ""
write = "^${app}\\."
read = ".*"
[topic-permission."${app}"."amq.topic"]
write = "^a"
read = ".*"
[parameter."shovel"."move"]
value.src-uri = { file = "/run/secrets/uri" }
value.src-queue = "a"
[policy."limits"]
pattern = "^shop"
apply-to = "queues"
definition.max-length = 5
definition.message-ttl = "30s"
[operator-policy."roof-${i}"]
for.i = "0..2"
pattern = ".*"
definition.max-length-bytes = "1GB"
[manage]
queues = ["${app}.*", "orders"]
users = "${app}"
"#;

#[test]
fn every_section_is_read() {
    let topology = valid(ALL, &Overrides::default());
    let state = topology.state();
    let names: Vec<String> = state
        .objects
        .keys()
        .map(|key| format!("{} {key}", key.kind()))
        .collect();
    let expected = [
        "vhost orders",
        "user shop",
        "permission shop",
        "topic-permission shop on amq.topic",
        "parameter shovel move",
        "policy limits",
        "operator-policy roof-0",
        "operator-policy roof-1",
    ];
    assert_eq!(names, expected);
    let user = &topology.users[0].value;
    assert_eq!(user.password, Some(Secret::Env("SHOP_PASSWORD".to_owned())));
    let policy = &topology.policies[0].value;
    assert_eq!(policy.definition["message-ttl"], Setting::Int(30_000));
    let Setting::Table(shovel) = &topology.parameters[0].value.value else {
        panic!("a table");
    };
    let file = Secret::File("/run/secrets/uri".to_owned());
    assert_eq!(shovel["src-uri"], Setting::Secret(file));
    assert_eq!(state.objects[&Key::User("shop".to_owned())].line, Some(8));
    assert!(matches!(
        state.objects[&Key::OperatorPolicy("roof-1".to_owned())].object,
        Object::OperatorPolicy(_)
    ));
}

#[test]
fn the_scope_is_what_the_patterns_say() {
    let scope = valid(ALL, &Overrides::default()).scope;
    assert!(scope.owns(&Key::Queue("shop.a".to_owned())));
    assert!(scope.owns(&Key::Queue("orders".to_owned())));
    assert!(!scope.owns(&Key::Queue("orders2".to_owned())));
    assert!(!scope.owns(&Key::Exchange("shop.a".to_owned())));
    assert!(!scope.is_empty() && valid("", &Overrides::default()).scope.is_empty());
}

#[test]
fn a_profile_sets_variables_and_what_is_given_from_outside_wins_over_it() {
    let text = "[vars]\nn = 1\nname = \"q${n}\"\n[profile.production]\nn = 3\n\
                [queue.\"${name}\"]\ntype = \"quorum\"";
    let name = |profile: Option<&str>, set: &[(&str, &str)]| {
        let pairs = set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let overrides = Overrides {
            profile: profile.map(str::to_owned),
            from_command_line: pairs.collect(),
            ..Overrides::default()
        };
        valid(text, &overrides).queues[0].value.name.clone()
    };
    assert_eq!(name(None, &[]), "q1");
    assert_eq!(name(Some("production"), &[]), "q3");
    assert_eq!(name(Some("production"), &[("n", "4")]), "q4");
}

#[test]
fn what_is_wrong_in_a_section_is_told_and_secrets_are_not_repeated() {
    let text = r#"
[user.a]
password = "s3cret"
tag = ["x"]
[parameter.shovel.b]
value = { src-uri = "amqp://u:s3cret@h" }
[policy.c]
patern = "x"
apply-to = "queue"
definition.max-lenght = 3
[permission.d]
write = ".*"
[manage]
queue = "x"
[profile.p]
x = 1
[vhost.v]
limits.max-connection = 4
"#;
    let found = problems(text);
    assert!(!found.concat().contains("s3cret"), "{found:#?}");
    for (line, word) in [
        (3, "never stands in this file"),
        (4, "did you mean `tags`?"),
        (6, "holds a password"),
        (7, "needs `pattern`"),
        (8, "did you mean `pattern`?"),
        (9, "did you mean `queues`?"),
        (10, "did you mean `max-length`?"),
        (11, "needs `configure`"),
        (11, "needs `read`"),
        (14, "did you mean `queues`?"),
        (16, "no variable of [vars]"),
        (18, "did you mean `max-connections`?"),
    ] {
        let start = format!("t.toml:{line}: ");
        let told = |problem: &String| problem.starts_with(&start) && problem.contains(word);
        assert!(found.iter().any(told), "{line} {word}: {found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}
