//! Definitions become a file.

use super::{source, valid};
use crate::{Key, Object, Overrides, import, load};

const DEFINITIONS: &str = r#"{
  "rabbit_version": "3.10.8",
  "users": [{"name": "ann", "password_hash": "s3cret", "hashing_algorithm": "x", "tags": ["management"]}],
  "vhosts": [{"name": "/"}, {"name": "other"}],
  "permissions": [{"user": "ann", "vhost": "/", "configure": "", "write": ".*", "read": ".*"}],
  "global_parameters": [{"name": "cluster_name", "value": "x"}],
  "parameters": [{"vhost": "/", "component": "operator_policy", "name": "roof", "value": {"pattern": ".*", "apply-to": "queues", "definition": {"max-length": 5}, "priority": 0}}],
  "policies": [{"vhost": "/", "name": "p", "pattern": "^q", "apply-to": "queues", "definition": {"max-length": 7}, "priority": 1}],
  "queues": [
    {"name": "q0", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}},
    {"name": "q1", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}},
    {"name": "elsewhere", "vhost": "other", "durable": true, "auto_delete": false, "arguments": {}}
  ],
  "exchanges": [{"name": "e", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}],
  "bindings": [
    {"source": "e", "vhost": "/", "destination": "q0", "destination_type": "queue", "routing_key": "k.0", "arguments": {}},
    {"source": "e", "vhost": "/", "destination": "q1", "destination_type": "queue", "routing_key": "k.1", "arguments": {}}
  ],
  "odd": [{"name": "thing"}]
}"#;

#[test]
fn definitions_import_keeps_no_password_and_tells_what_is_left_out() {
    let imported = import("d.json", DEFINITIONS, Some("/")).unwrap();
    assert!(!format!("{imported:?}").contains("s3cret"));
    let told = imported.left_out.join("\n");
    for word in [
        "password of user ann",
        "global parameter cluster_name",
        "odd thing",
    ] {
        assert!(told.contains(word), "{told}");
    }
    let state = valid(&imported.text, &Overrides::default()).state();
    for key in [
        Key::User("ann".to_owned()),
        Key::Policy("p".to_owned()),
        Key::OperatorPolicy("roof".to_owned()),
        Key::Queue("q1".to_owned()),
    ] {
        assert!(state.objects.contains_key(&key), "{key}\n{}", imported.text);
    }
    assert!(!imported.text.contains("elsewhere"));
    assert!(
        imported.text.contains("[queue.\"q${i}\"]"),
        "{}",
        imported.text
    );
    let bindings = state.objects.values();
    let bindings = bindings.filter(|one| matches!(one.object, Object::Binding(_)));
    assert_eq!(bindings.count(), 2);
}

#[test]
fn several_vhosts_must_be_chosen_from_and_nonsense_is_told() {
    let error = import("d.json", DEFINITIONS, None).unwrap_err();
    assert!(
        error.contains("--vhost") && error.contains("other"),
        "{error}"
    );
    assert!(import("d.json", "[]", None).is_err());
    let strange = r#"{"queues": [{"name": 3}, {"name": "q"}]}"#;
    let imported = import("d.json", strange, None).unwrap();
    assert_eq!(imported.left_out.len(), 2, "{imported:?}");
    assert!(load(&source(&imported.text), &Overrides::default()).is_ok());
}
