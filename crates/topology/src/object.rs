//! Any object, and how two of them compare.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Arguments, Binding, Destination, Exchange, Parameter, Permission, Policy, Queue, Setting,
    Settings, TopicPermission, User, Vhost,
};

/// Anything that can exist on a broker. Exchanges, queues, bindings, policies, permissions and
/// parameters are those of one vhost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Object {
    /// A vhost.
    Vhost(Vhost),
    /// A user.
    User(User),
    /// What a user may do.
    Permission(Permission),
    /// What a user may do on a topic exchange.
    TopicPermission(TopicPermission),
    /// A parameter of a plugin.
    Parameter(Parameter),
    /// A policy.
    Policy(Policy),
    /// A policy of the operators, which limits what policies and arguments say.
    OperatorPolicy(Policy),
    /// An exchange.
    Exchange(Exchange),
    /// A queue or stream.
    Queue(Queue),
    /// A binding.
    Binding(Binding),
}

/// What makes an object that one and no other. Keys come in an order of creation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A vhost by name.
    Vhost(String),
    /// A user by name.
    User(String),
    /// The permission of a user.
    Permission(String),
    /// The permission of a user on an exchange.
    TopicPermission(String, String),
    /// A parameter by component and name.
    Parameter(String, String),
    /// A policy by name.
    Policy(String),
    /// An operator policy by name.
    OperatorPolicy(String),
    /// An exchange by name.
    Exchange(String),
    /// A queue by name.
    Queue(String),
    /// A binding is all that it says.
    Binding(Binding),
}

impl Object {
    /// Its identity.
    pub fn key(&self) -> Key {
        match self {
            Self::Vhost(one) => Key::Vhost(one.name.clone()),
            Self::User(one) => Key::User(one.name.clone()),
            Self::Permission(one) => Key::Permission(one.user.clone()),
            Self::TopicPermission(one) => {
                Key::TopicPermission(one.user.clone(), one.exchange.clone())
            }
            Self::Parameter(one) => Key::Parameter(one.component.clone(), one.name.clone()),
            Self::Policy(one) => Key::Policy(one.name.clone()),
            Self::OperatorPolicy(one) => Key::OperatorPolicy(one.name.clone()),
            Self::Exchange(one) => Key::Exchange(one.name.clone()),
            Self::Queue(one) => Key::Queue(one.name.clone()),
            Self::Binding(one) => Key::Binding(one.clone()),
        }
    }

    /// Everything about it that is not its identity, by the names that a file uses; arguments
    /// as `arguments.NAME`. Two objects of one key are the same when these are.
    pub fn properties(&self) -> Settings {
        match self {
            Self::Vhost(one) => vhost(one),
            Self::User(one) => user(one),
            Self::Permission(one) => texts(&[
                ("configure", &one.configure),
                ("write", &one.write),
                ("read", &one.read),
            ]),
            Self::TopicPermission(one) => texts(&[("write", &one.write), ("read", &one.read)]),
            Self::Parameter(one) => Settings::from([("value".to_owned(), one.value.clone())]),
            Self::Policy(one) | Self::OperatorPolicy(one) => policy(one),
            Self::Exchange(one) => exchange(one),
            Self::Queue(one) => queue(one),
            Self::Binding(_) => Settings::new(),
        }
    }
}

impl Key {
    /// What kind of object it is, as people and files call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Vhost(_) => "vhost",
            Self::User(_) => "user",
            Self::Permission(_) => "permission",
            Self::TopicPermission(..) => "topic-permission",
            Self::Parameter(..) => "parameter",
            Self::Policy(_) => "policy",
            Self::OperatorPolicy(_) => "operator-policy",
            Self::Exchange(_) => "exchange",
            Self::Queue(_) => "queue",
            Self::Binding(_) => "binding",
        }
    }
}

/// The name, without the kind.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vhost(name)
            | Self::User(name)
            | Self::Permission(name)
            | Self::Policy(name)
            | Self::OperatorPolicy(name)
            | Self::Exchange(name)
            | Self::Queue(name) => out.write_str(name),
            Self::TopicPermission(user, exchange) => write!(out, "{user} on {exchange}"),
            Self::Parameter(component, name) => write!(out, "{component} {name}"),
            Self::Binding(binding) => binding.fmt(out),
        }
    }
}

fn texts(pairs: &[(&str, &String)]) -> Settings {
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Setting::Text((*text).clone())))
        .collect()
}

fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> Setting {
    Setting::List(texts.into_iter().cloned().map(Setting::Text).collect())
}

fn flat(prefix: &str, settings: &Settings, into: &mut Settings) {
    for (name, setting) in settings {
        into.insert(format!("{prefix}.{name}"), setting.clone());
    }
}

fn vhost(vhost: &Vhost) -> Settings {
    let description = vhost.description.clone().map(Setting::Text);
    let tags = vhost.tags.as_ref().map(list);
    let kind = vhost.default_queue_type.clone().map(Setting::Text);
    let mut properties: Settings = [
        ("description", description),
        ("tags", tags),
        ("default-queue-type", kind),
    ]
    .into_iter()
    .filter_map(|(name, setting)| Some((name.to_owned(), setting?)))
    .collect();
    flat("limits", &vhost.limits, &mut properties);
    properties
}

fn user(user: &User) -> Settings {
    let mut properties = Settings::from([("tags".to_owned(), list(&user.tags))]);
    if let Some(secret) = &user.password {
        properties.insert("password".to_owned(), Setting::Secret(secret.clone()));
    }
    properties
}

fn policy(policy: &Policy) -> Settings {
    let mut properties = texts(&[("pattern", &policy.pattern), ("apply-to", &policy.apply_to)]);
    properties.insert("priority".to_owned(), Setting::Int(policy.priority));
    flat("definition", &policy.definition, &mut properties);
    properties
}

fn exchange(exchange: &Exchange) -> Settings {
    let mut properties = flags(&[
        ("durable", exchange.durable),
        ("auto-delete", exchange.auto_delete),
        ("internal", exchange.internal),
    ]);
    properties.insert("type".to_owned(), exchange.kind.as_str().into());
    flat("arguments", &exchange.arguments, &mut properties);
    properties
}

fn queue(queue: &Queue) -> Settings {
    let mut properties = flags(&[
        ("durable", queue.durable),
        ("auto-delete", queue.auto_delete),
    ]);
    let mut arguments: Arguments = queue.arguments.clone();
    let kind = arguments.remove("x-queue-type");
    let kind = kind.unwrap_or_else(|| queue.kind.as_str().into());
    properties.insert("type".to_owned(), kind);
    flat("arguments", &arguments, &mut properties);
    properties
}

fn flags(pairs: &[(&str, bool)]) -> Settings {
    pairs
        .iter()
        .map(|(name, truth)| ((*name).to_owned(), Setting::Bool(*truth)))
        .collect()
}

impl Destination {
    /// The key of the queue or exchange.
    pub fn key(&self) -> Key {
        match self {
            Self::Queue(name) => Key::Queue(name.clone()),
            Self::Exchange(name) => Key::Exchange(name.clone()),
        }
    }
}
