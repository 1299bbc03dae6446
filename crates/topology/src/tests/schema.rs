//! The schema that editors use says what the parser says.

use serde_json::Value;

use super::{SHIPPED, source};
use crate::{Overrides, load, schema};

const PUBLISHED: &str = include_str!("../../../../docs/topology.schema.json");

#[test]
fn the_published_schema_is_the_parsers() {
    assert!(
        schema() == PUBLISHED,
        "write it anew: declare schema > docs/topology.schema.json"
    );
}

/// Looks only at names: that is where a schema and a parser drift apart.
fn knows(schema: &Value, value: &toml::Value, path: &str) -> Result<(), String> {
    let Some(table) = value.as_table() else {
        return Ok(());
    };
    for (name, inner) in table {
        let here = format!("{path}.{name}");
        let known = schema.get("properties").and_then(|all| all.get(name));
        let any = schema
            .get("additionalProperties")
            .filter(|any| any.is_object());
        match known.or(any) {
            Some(schema) => knows(schema, inner, &here)?,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                return Err(here);
            }
            None => {}
        }
    }
    Ok(())
}

fn accepts(text: &str) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    knows(&schema, &text.parse::<toml::Table>().unwrap().into(), "")
}

#[test]
fn the_shipped_file_fits_the_schema() {
    assert_eq!(accepts(SHIPPED), Ok(()));
}

#[test]
fn a_key_is_in_the_schema_when_and_only_when_the_parser_knows_it() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let unknown = |text: &str| {
        let told: Vec<String> = match load(&source(text), &Overrides::default()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        told.iter().any(|one| {
            one.contains("unknown key")
                || one.contains("is no argument")
                || one.contains("nothing that a policy sets")
        })
    };
    let sections = schema["properties"].as_object().unwrap();
    for (section, schema) in sections {
        let mut schema = schema;
        let mut head = section.clone();
        while schema["additionalProperties"].is_object() {
            schema = &schema["additionalProperties"];
            head.push_str(".n");
        }
        let Some(keys) = schema["properties"].as_object() else {
            continue;
        };
        for key in keys.keys().map(String::as_str).chain(["no-such-key"]) {
            let text = format!("[{head}]\n{key} = [[]]\n");
            let known = key != "no-such-key";
            assert_eq!(unknown(&text), !known, "{text}");
            assert_eq!(accepts(&text).is_ok(), known, "{text}");
            let inner = keys.get(key).and_then(|one| one["properties"].as_object());
            let argument = inner.filter(|_| ["arguments", "definition"].contains(&key));
            for name in argument.into_iter().flat_map(|all| all.keys()) {
                let text = format!("[{head}]\n{key}.{name} = [[]]\n");
                assert!(!unknown(&text), "{text}");
            }
        }
    }
}
