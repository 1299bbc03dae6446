//! The tables of arguments as JSON Schema.

use serde_json::{Map, Value, json};

use super::known::{Holds, Known, OF_EXCHANGES, OF_QUEUES, of_policies};
use crate::problem::quote;

pub(crate) fn schema_of_exchange() -> Map<String, Value> {
    OF_EXCHANGES
        .iter()
        .map(|known| entry(known.name, known))
        .collect()
}

pub(crate) fn schema_of_queue() -> Map<String, Value> {
    OF_QUEUES
        .iter()
        .map(|known| entry(known.name, known))
        .collect()
}

/// What a policy sets: its own, and the arguments of queues without their `x-`.
pub(crate) fn schema_of_policy() -> Map<String, Value> {
    of_policies()
        .map(|(name, known)| entry(name, known))
        .collect()
}

fn entry(name: &str, known: &Known) -> (String, Value) {
    let mut schema = holds(&known.holds);
    if let (false, Some(fields)) = (known.fits.is_empty(), schema.as_object_mut()) {
        let fits: Vec<String> = known.fits.iter().map(|kind| quote(kind.as_str())).collect();
        let words = format!("fits queues of type {}", fits.join(", "));
        fields.insert("description".to_owned(), json!(words));
    }
    (name.to_owned(), schema)
}

fn holds(holds: &Holds) -> Value {
    let variable = json!({ "type": "string", "pattern": "\\$\\{" });
    match holds {
        Holds::Text => json!({ "type": "string" }),
        Holds::Flag => json!({ "anyOf": [{ "type": "boolean" }, variable] }),
        Holds::OneOf(words) => json!({ "anyOf": [{ "enum": words }, variable] }),
        Holds::Age => json!({ "type": "string", "pattern": "^[0-9]{1,9}[YMDhms]$|\\$\\{" }),
        Holds::Number { least, most } => number(*least, *most, &variable),
        Holds::Bytes { least, most } => {
            let text = json!({ "type": "string", "pattern": "^[0-9]+ *([KMGT]i?B|B)?$|\\$\\{" });
            number(*least, *most, &text)
        }
        Holds::Milliseconds { least } => {
            let text = json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)?$|\\$\\{" });
            number(*least, i64::MAX, &text)
        }
    }
}

fn number(least: i64, most: i64, or: &Value) -> Value {
    let mut whole = json!({ "type": "integer", "minimum": least });
    if let (true, Some(fields)) = (most < i64::MAX, whole.as_object_mut()) {
        fields.insert("maximum".to_owned(), json!(most));
    }
    json!({ "anyOf": [whole, or] })
}
