//! The JSON Schema of topology files, made from the tables that the parser goes by.

use serde_json::{Map, Value, json};

use crate::arguments;
use crate::raw::{RawExchange, RawQueue, Section};
use crate::{ExchangeKind, QueueKind, Scope};

/// The schema, for editors. A text with `${name}` may stand wherever another value does.
pub fn schema() -> String {
    let mut properties = Map::new();
    let scalar = json!({ "type": ["string", "integer", "boolean"] });
    let variables = json!({
        "type": "object",
        "additionalProperties": { "anyOf": [scalar, { "type": "array", "items": scalar }] },
    });
    properties.insert("vars".to_owned(), variables.clone());
    let profiles = json!({ "type": "object", "additionalProperties": variables });
    properties.insert("profile".to_owned(), profiles);
    let owned = Scope::KINDS.map(|(name, _)| (name.to_owned(), texts()));
    properties.insert("manage".to_owned(), table(owned.into_iter().collect()));
    let exchange = RawExchange::KEYS.map(|key| (key.to_owned(), of_exchange(key)));
    let queue = RawQueue::KEYS.map(|key| (key.to_owned(), of_queue(key)));
    properties.insert("exchange".to_owned(), named(exchange.into_iter().collect()));
    properties.insert("queue".to_owned(), named(queue.into_iter().collect()));
    for section in Section::ALL {
        let keys = section.keys().iter();
        let keys = keys.map(|key| ((*key).to_owned(), of_section(key)));
        let mut schema = named(keys.collect());
        if section.names().len() == 2 {
            schema = json!({ "type": "object", "additionalProperties": schema });
        }
        properties.insert(section.name().to_owned(), schema);
    }
    let mut schema = table(properties);
    if let Some(fields) = schema.as_object_mut() {
        let draft = "https://json-schema.org/draft/2020-12/schema";
        fields.insert("$schema".to_owned(), json!(draft));
        fields.insert("title".to_owned(), json!("Aldebaran: topology.toml"));
    }
    // A value with text keys alone cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

fn table(properties: Map<String, Value>) -> Value {
    let fields = [
        ("type", json!("object")),
        ("properties", Value::Object(properties)),
        ("additionalProperties", json!(false)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(fields))
}

/// `[section."NAME"]`.
fn named(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": table(properties) })
}

fn texts() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
}

/// One of some words, or a text with a variable.
fn words(known: &[&str]) -> Value {
    json!({ "anyOf": [{ "enum": known }, { "type": "string", "pattern": "\\$\\{" }] })
}

fn flag() -> Value {
    json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "\\$\\{" }] })
}

fn any_table() -> Value {
    json!({ "type": "object" })
}

fn common(key: &str) -> Value {
    match key {
        "for" => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [{ "type": "string" }, { "type": "array" }] },
        }),
        "durable" | "auto-delete" | "internal" => flag(),
        "bindings" => json!({
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "from": { "type": "string" }, "key": texts(), "arguments": any_table(),
                },
                "required": ["from"],
                "additionalProperties": false,
            },
        }),
        _ => any_table(),
    }
}

fn of_exchange(key: &str) -> Value {
    match key {
        "type" => {
            let known = ExchangeKind::BUILT_IN;
            json!({ "anyOf": [{ "enum": known }, { "type": "string", "pattern": "^x-|\\$\\{" }] })
        }
        "arguments" => table(arguments::schema_of_exchange()),
        other => common(other),
    }
}

fn of_queue(key: &str) -> Value {
    match key {
        "type" => words(&QueueKind::NAMES),
        "arguments" => table(arguments::schema_of_queue()),
        other => common(other),
    }
}

fn of_section(key: &str) -> Value {
    match key {
        "description" | "configure" | "write" | "read" | "pattern" => json!({ "type": "string" }),
        "tags" => texts(),
        "default-queue-type" => words(&QueueKind::NAMES),
        "apply-to" => words(&crate::check::APPLY_TO),
        "priority" => json!({ "type": ["integer", "string"] }),
        "password" => json!({
            "type": "object",
            "properties": { "env": { "type": "string" }, "file": { "type": "string" } },
            "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        }),
        "definition" => table(arguments::schema_of_policy()),
        "value" => json!({}),
        other => common(other),
    }
}
