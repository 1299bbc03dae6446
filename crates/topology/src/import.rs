//! Definitions, as RabbitMQ writes them, become a topology file.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Binding, Destination, Exchange, ExchangeKind, Exported, Object, Parameter, Permission, Policy,
    Queue, QueueKind, Setting, Settings, State, TopicPermission, User, Vhost, export,
};

/// A file of definitions: lists of objects by kind. What stands in a list is read one by one, so
/// that a strange object is told and the others are kept.
#[derive(Deserialize)]
struct Definitions {
    #[serde(flatten)]
    lists: serde_json::Map<String, Value>,
}

/// What is taken out of definitions.
struct Taken {
    state: State,
    left_out: Vec<String>,
    vhost: Option<String>,
}

/// Writes one vhost of definitions as a topology file. Passwords and their hashes never come in.
///
/// # Errors
/// Why these are no definitions, or which vhosts they have when nobody said which.
pub fn import(name: &str, text: &str, vhost: Option<&str>) -> Result<Exported, String> {
    let definitions: Definitions = serde_json::from_str(text)
        .map_err(|error| format!("these are no definitions of RabbitMQ: {error}"))?;
    let vhost = which(&definitions, vhost)?;
    let mut taken = Taken {
        state: State {
            origin: match &vhost {
                Some(vhost) => format!("{name}, vhost {vhost}"),
                None => name.to_owned(),
            },
            ..State::default()
        },
        left_out: Vec::new(),
        vhost,
    };
    for (kind, list) in &definitions.lists {
        match list {
            Value::Array(items) => items.iter().for_each(|item| taken.take(kind, item)),
            _ if kind.starts_with("rabbit")
                || kind.starts_with("product")
                || kind == "explanation" => {}
            _ => taken
                .left_out
                .push(format!("{kind}: it is nothing that a file describes")),
        }
    }
    let mut exported = export(&taken.state);
    let comments: String = taken
        .left_out
        .iter()
        .map(|sentence| format!("# Left out: {}\n", sentence.replace(char::is_control, " ")))
        .collect();
    if let Some(line) = exported.text.find('\n') {
        exported.text.insert_str(line + 1, &comments);
    }
    taken.left_out.append(&mut exported.left_out);
    exported.left_out = taken.left_out;
    Ok(exported)
}

/// The vhost that is asked for, or the only one; nothing when the definitions are of one vhost
/// and do not say of which.
fn which(definitions: &Definitions, asked: Option<&str>) -> Result<Option<String>, String> {
    let items = definitions.lists.values().filter_map(Value::as_array);
    let mut found: BTreeSet<&str> = items
        .flatten()
        .filter_map(|item| item.get("vhost").and_then(Value::as_str))
        .filter(|vhost| !vhost.is_empty())
        .collect();
    let listed = definitions.lists.get("vhosts").and_then(Value::as_array);
    let names = listed
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("name").and_then(Value::as_str));
    found.extend(names);
    match asked {
        Some(asked) if found.is_empty() || found.contains(asked) => Ok(Some(asked.to_owned())),
        None if found.len() <= 1 => Ok(found.first().map(|one| (*one).to_owned())),
        _ => {
            let names: Vec<&str> = found.into_iter().collect();
            Err(format!(
                "say which vhost with --vhost: it has {}",
                names.join(", ")
            ))
        }
    }
}

impl Taken {
    fn take(&mut self, kind: &str, item: &Value) {
        let vhost = item.get("vhost").and_then(Value::as_str);
        if vhost.is_some_and(|vhost| !vhost.is_empty() && Some(vhost) != self.vhost.as_deref()) {
            return; // of another vhost, which has a file of its own
        }
        let name = text(item, "name").unwrap_or_else(|| text(item, "user").unwrap_or_default());
        let object = match kind {
            "vhosts" if Some(name.as_str()) != self.vhost.as_deref() => return,
            "vhosts" => of_vhost(item),
            "users" => {
                self.left_out.push(format!(
                    "the password of user {name}: write password = {{ env = \"VARIABLE\" }} to set one"
                ));
                of_user(item)
            }
            "permissions" => read::<Permission>(item).map(Object::Permission),
            "topic_permissions" => read::<TopicPermission>(item).map(Object::TopicPermission),
            "policies" => of_policy(item).map(Object::Policy),
            "parameters" => return self.parameter(item),
            "exchanges" => of_exchange(item),
            "queues" => of_queue(item),
            "bindings" => of_binding(item),
            "global_parameters" => {
                self.left_out.push(format!(
                    "global parameter {name}: it is the cluster's, and a file describes a vhost"
                ));
                return;
            }
            other => {
                self.left_out
                    .push(format!("{other} {name}: a file has no such kind of object"));
                return;
            }
        };
        match object {
            Some(object) => self.state.insert(object, None),
            None => self
                .left_out
                .push(format!("{kind} {name}: it cannot be understood")),
        }
    }

    /// Operator policies and limits are parameters here.
    fn parameter(&mut self, item: &Value) {
        let (component, name) = (text(item, "component"), text(item, "name"));
        let value = item.get("value").and_then(read::<Setting>);
        let (Some(component), Some(name), Some(value)) = (component, name, value) else {
            self.left_out
                .push("a parameter: it cannot be understood".to_owned());
            return;
        };
        let object = match (component.as_str(), value) {
            ("operator_policy", _) => {
                let mut policy = item.get("value").cloned().unwrap_or_default();
                if let Some(fields) = policy.as_object_mut() {
                    fields.insert("name".to_owned(), Value::String(name.clone()));
                }
                of_policy(&policy).map(Object::OperatorPolicy)
            }
            ("vhost-limits", Setting::Table(limits)) => {
                self.limits(limits);
                return;
            }
            (_, value) => Some(Object::Parameter(Parameter {
                component,
                name: name.clone(),
                value,
            })),
        };
        match object {
            Some(object) => self.state.insert(object, None),
            None => self
                .left_out
                .push(format!("operator policy {name}: it cannot be understood")),
        }
    }

    fn limits(&mut self, limits: Settings) {
        let Some(name) = self.vhost.clone() else {
            self.left_out
                .push("the limits of the vhost: its name is not said".to_owned());
            return;
        };
        let key = crate::Key::Vhost(name.clone());
        let known = self.state.objects.get(&key).map(|one| one.object.clone());
        let mut vhost = match known {
            Some(Object::Vhost(vhost)) => vhost,
            _ => Vhost {
                name,
                ..Vhost::default()
            },
        };
        vhost.limits = limits;
        self.state.insert(Object::Vhost(vhost), None);
    }
}

fn of_vhost(item: &Value) -> Option<Object> {
    let meta = item.get("metadata").unwrap_or(item);
    let kind = text(meta, "default_queue_type").filter(|kind| kind != "undefined");
    Some(Object::Vhost(Vhost {
        name: text(item, "name")?,
        description: text(meta, "description").filter(|text| !text.is_empty()),
        tags: meta.get("tags").map(words),
        default_queue_type: kind,
        limits: Settings::new(),
    }))
}

fn of_user(item: &Value) -> Option<Object> {
    Some(Object::User(User {
        name: text(item, "name")?,
        tags: item.get("tags").map(words).unwrap_or_default(),
        password: None,
    }))
}

fn of_policy(item: &Value) -> Option<Policy> {
    let mut item = item.clone();
    let fields = item.as_object_mut()?;
    let apply_to = fields.remove("apply-to");
    let apply_to = apply_to.unwrap_or_else(|| Value::String("all".to_owned()));
    fields.insert("apply-to".to_owned(), apply_to);
    fields
        .entry("priority")
        .or_insert_with(|| Value::Number(0.into()));
    read(&item)
}

fn of_exchange(item: &Value) -> Option<Object> {
    Some(Object::Exchange(Exchange {
        name: text(item, "name")?,
        kind: ExchangeKind::of(&text(item, "type")?),
        durable: flag(item, "durable")?,
        auto_delete: flag(item, "auto_delete").unwrap_or(false),
        internal: flag(item, "internal").unwrap_or(false),
        arguments: arguments(item)?,
    }))
}

/// Its type stands among its arguments, or is classic.
fn of_queue(item: &Value) -> Option<Object> {
    let mut arguments = arguments(item)?;
    let said = arguments.get("x-queue-type").and_then(Setting::text);
    let said = said.map(str::to_owned).or_else(|| text(item, "type"));
    let kind = QueueKind::named(said.as_deref().unwrap_or("classic"))?;
    arguments.insert("x-queue-type".to_owned(), kind.as_str().into());
    Some(Object::Queue(Queue {
        name: text(item, "name")?,
        kind,
        durable: flag(item, "durable")?,
        auto_delete: flag(item, "auto_delete").unwrap_or(false),
        arguments,
    }))
}

fn of_binding(item: &Value) -> Option<Object> {
    let to = text(item, "destination")?;
    Some(Object::Binding(Binding {
        from: text(item, "source")?,
        to: match text(item, "destination_type")?.as_str() {
            "exchange" => Destination::Exchange(to),
            _ => Destination::Queue(to),
        },
        key: text(item, "routing_key").unwrap_or_default(),
        arguments: arguments(item)?,
    }))
}

fn arguments(item: &Value) -> Option<Settings> {
    match item.get("arguments") {
        None => Some(Settings::new()),
        // An empty table of Erlang.
        Some(Value::Array(items)) if items.is_empty() => Some(Settings::new()),
        Some(found) => read(found),
    }
}

fn read<T: serde::de::DeserializeOwned>(item: &Value) -> Option<T> {
    T::deserialize(item).ok()
}

fn text(item: &Value, name: &str) -> Option<String> {
    item.get(name)?.as_str().map(str::to_owned)
}

fn flag(item: &Value, name: &str) -> Option<bool> {
    item.get(name)?.as_bool()
}

/// A list of texts, or one text with commas, as older brokers write it.
fn words(value: &Value) -> BTreeSet<String> {
    let words: Vec<&str> = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split(',').map(str::trim).collect(),
        _ => Vec::new(),
    };
    let words = words.into_iter().filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}
