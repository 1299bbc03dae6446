//! Files with problems.

use super::{problems, set, told};

/// The one problem of a queue with these settings, line 3 and after.
fn of_queue(settings: &str) -> String {
    let text = format!("exchange.e.type = \"topic\"\n[queue.q]\n{settings}");
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.concat()
}

#[test]
fn every_problem_is_told_at_once_by_line() {
    let text = r#"[vars]
a = "${b}"
b = "${a}"
n = 1.5
[exchange."amq.mine"]
type = "topik"
[queue.q]
typ = "quorum"
type = "quorum"
durable = 3
arguments.x-max-age = "1D"
arguments.x-delivery-limt = 4
bindings = [{ from = "Nowhere", key = "${nothing}" }]
[queue."s${i}"]
for.i = "0..0"
type = "stream"
durable = false
"#;
    let expected = [
        "t.toml:2: variables refer to each other in a circle: a -> b -> a",
        "t.toml:4: `1.5` is a fraction: values are texts, whole numbers, true, false, lists and tables",
        "t.toml:5: exchange `amq.mine`: names that begin with `amq.` are the broker's own",
        "t.toml:6: `topik` is no type of exchange (did you mean `topic`?): there are direct, fanout, topic, headers, and those of plugins, which begin with x-",
        "t.toml:8: unknown key `typ` in queue `q` (did you mean `type`?)",
        "t.toml:10: `durable` is true or false, and this is a whole number",
        "t.toml:11: `x-max-age` does not fit type = \"quorum\" (it fits: stream)",
        "t.toml:12: `x-delivery-limt` is no argument of a queue that is known here (did you mean `x-delivery-limit`?): a plugin's or a newer broker's goes into `unchecked-arguments`",
        "t.toml:13: `${nothing}`: there is no variable `nothing`",
        "t.toml:13: a binding of `q` is from exchange `Nowhere`, which is not described here",
        "t.toml:15: the range 0..0 is empty: nothing would be declared",
        "t.toml:17: type = \"stream\" is always durable",
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn a_mistake_in_a_repetition_is_told_once() {
    let text = "[queue.\"q${i}\"]\nfor.i = \"0..3\"\ntype = \"classic\"\nbindings = [{ from = \"e${i}\" }]\n";
    let expected = "t.toml:4: a binding of `q0` is from exchange `e0`, which is not described here (and 2 more by repetition)";
    assert_eq!(problems(text), [expected]);
}

#[test]
fn references_must_lead_somewhere() {
    for (settings, says) in [
        (
            "type = \"quorum\"\narguments.x-dead-letter-exchange = \"ee\"",
            "t.toml:4: queue `q` dead-letters to exchange `ee`",
        ),
        (
            "type = \"quorum\"\narguments = { x-dead-letter-exchange = \"\", x-dead-letter-routing-key = \"r\" }",
            "t.toml:4: queue `q` dead-letters to queue `r`",
        ),
        (
            "type = \"quorum\"\nbindings = [{ from = \"\", key = \"q\" }]",
            "the default exchange, which nothing can be bound to",
        ),
        (
            "type = \"quorum\"\nbindings = [{ from = \"e\" }]",
            "topic exchange `e` and says no `key`",
        ),
        (
            "type = \"quorum\"\nbindings = [{ from = \"amq.direct\" }]",
            "direct exchange `amq.direct` and says no `key`",
        ),
    ] {
        let found = of_queue(settings);
        assert!(found.contains(says), "{found}");
    }
    let found = problems("[exchange.e]\ntype = \"topic\"\narguments.alternate-exchange = \"f\"");
    assert_eq!(
        found,
        ["t.toml:3: exchange `e` hands on to exchange `f`, which is not described here"]
    );
}

#[test]
fn arguments_that_the_broker_would_refuse_or_ignore_are_told() {
    for (settings, says) in [
        (
            "type = \"classic\"\narguments.x-delivery-limit = 3",
            "does not fit type = \"classic\" (it fits: quorum)",
        ),
        (
            "type = \"stream\"\narguments.x-max-length = 3",
            "does not fit type = \"stream\"",
        ),
        (
            "type = \"quorum\"\narguments.x-overflow = \"reject-publish-dlx\"",
            "does not fit type = \"quorum\"",
        ),
        (
            "type = \"quorum\"\narguments.x-delivery-limit = -2",
            "is -1 or more, not -2",
        ),
        (
            "type = \"stream\"\narguments.x-max-age = \"7d\"",
            "a number and one of Y M D h m s",
        ),
        (
            "type = \"stream\"\narguments.x-max-length-bytes = \"4 gigs\"",
            "a number of bytes",
        ),
        (
            "type = \"stream\"\narguments.x-stream-max-segment-size-bytes = \"4GB\"",
            "from 1 to 3000000000",
        ),
        (
            "type = \"classic\"\narguments.x-dead-letter-routing-key = \"k\"",
            "needs `x-dead-letter-exchange`",
        ),
        (
            "type = \"quorum\"\narguments = { x-dead-letter-exchange = \"e\", x-dead-letter-strategy = \"at-least-once\" }",
            "needs x-overflow = \"reject-publish\"",
        ),
        (
            "type = \"classic\"\narguments.x-queue-type = \"classic\"",
            "is what `type` says",
        ),
        (
            "type = \"classic\"\narguments.x-single-active-consumer = \"yes\"",
            "is true or false",
        ),
    ] {
        let found = of_queue(settings);
        assert!(found.contains(says), "{found}");
    }
}

#[test]
fn a_wrong_argument_does_not_hide_a_reference_that_leads_nowhere() {
    let text = "[queue.q]\ntype = \"quorum\"\narguments.x-dead-letter-exchange = \"nowhere\"\narguments.x-delivery-limit = \"x\"";
    let found = problems(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("t.toml:3: queue `q` dead-letters to exchange `nowhere`"),
        "{found:?}"
    );
}

#[test]
fn a_wrong_override_does_not_hide_what_the_file_does_wrong() {
    let found = told(
        "[vars]\nn = 2\n[queue.\"q${n}\"]\ntype = \"clasic\"",
        &set("n", "x"),
    );
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn names_are_checked() {
    let long = "x".repeat(256);
    for (name, says) in [
        (long.as_str(), "has 256 bytes, and 255 is the most"),
        ("amq.q", "the broker's own"),
        ("", "without a name"),
        ("a\\nb", "strips line breaks"),
    ] {
        let found = problems(&format!("[queue.\"{name}\"]\ntype = \"classic\""));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(says), "{found:?}");
    }
    let twice =
        "[vars]\nx = \"q\"\n[queue.q]\ntype = \"classic\"\n[queue.\"${x}\"]\ntype = \"classic\"";
    assert_eq!(
        problems(twice),
        ["t.toml:5: queue `q` is described at line 3 already"]
    );
    let repeated = "[queue.q]\nfor.i = \"0..3\"\ntype = \"classic\"";
    let says = "t.toml:1: queue `q` is described at line 1 already: the name must use the variable of the repetition (and 1 more by repetition)";
    assert_eq!(problems(repeated), [says]);
}

#[test]
fn unquoted_dots_and_plurals_are_explained() {
    let found = problems("[queue.Aldebaran.Alert]\ntype = \"classic\"");
    assert!(
        found[0].contains("a name with dots is written in quotes"),
        "{found:?}"
    );
    let found = problems("[queues.q]\ntype = \"classic\"");
    assert!(found[0].contains("did you mean `queue`?"), "{found:?}");
    let found = problems("[[queue]]\nname = \"q\"");
    assert!(
        found[0].contains("`queue` in the file is a table"),
        "{found:?}"
    );
}

#[test]
fn a_duplicate_key_does_not_hide_the_rest_and_an_open_bracket_does_not_invent_any() {
    let found = problems("[vars]\na = 1\na = 2\n[queue.q]\ntype = \"clasic\"");
    assert_eq!(found.len(), 2, "{found:?}");
    let found = problems(
        "[queue.q]\ntype = \"classic\"\nbindings = [{ from = \"e\" ]\n[exchange.e]\ntype = \"fanout\"",
    );
    assert!(
        found[0].starts_with("t.toml:3: ") && !found.iter().any(|one| one.contains("described")),
        "{found:?}"
    );
}

#[test]
fn texts_that_grow_without_end_are_stopped() {
    let mut text = "[vars]\nv0 = \"aaaaaaaaaaaaaaaa\"\n".to_owned();
    for i in 1..40 {
        text.push_str(&format!("v{i} = \"${{v{0}}}${{v{0}}}\"\n", i - 1));
    }
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("grows beyond 4096 bytes"), "{found:?}");
}
