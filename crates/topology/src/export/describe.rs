//! From objects to descriptions, one for each.

use std::collections::BTreeMap;

use super::Description;
use crate::references::BUILT_IN;
use crate::{
    Binding, Destination, Exchange, Key, Object, Policy, Queue, QueueKind, Setting, Settings,
    State, arguments,
};

/// What a file can say.
pub(super) struct Described {
    /// The objects, as the file will have them.
    pub(super) kept: State,
    pub(super) descriptions: Vec<Description>,
}

/// Describes what a file can say, and tells in a sentence each what it cannot.
pub(super) fn all(state: &State) -> (Described, Vec<String>) {
    let mut describer = Describer {
        state,
        bindings: BTreeMap::new(),
        described: Described {
            kept: State::default(),
            descriptions: Vec::new(),
        },
        left_out: Vec::new(),
    };
    describer.bindings();
    for (key, one) in &state.objects {
        if let Err(why) = describer.object(key, &one.object) {
            describer
                .left_out
                .push(format!("{} {key}: {why}", key.kind()));
        }
    }
    (describer.described, describer.left_out)
}

struct Describer<'a> {
    state: &'a State,
    /// By what they lead to.
    bindings: BTreeMap<Key, Vec<&'a Binding>>,
    described: Described,
    left_out: Vec<String>,
}

impl<'a> Describer<'a> {
    fn bindings(&mut self) {
        for one in self.state.objects.values() {
            let Object::Binding(binding) = &one.object else {
                continue;
            };
            let to = binding.to.key();
            let why = if !self.is_there(&Destination::Exchange(binding.from.clone())) {
                "its source is not there"
            } else if is_the_brokers(binding.to.name()) {
                "bindings stand at what they lead to, and that is the broker's own"
            } else if !self.state.objects.contains_key(&to) {
                "what it leads to is not there"
            } else if !are_scalars(&binding.arguments) {
                "an argument is neither a text, a whole number, true nor false"
            } else {
                self.bindings.entry(to).or_default().push(binding);
                continue;
            };
            self.left_out.push(format!("binding {binding}: {why}"));
        }
    }

    fn is_there(&self, place: &Destination) -> bool {
        let built_in = BUILT_IN.iter().any(|(known, _)| *known == place.name());
        built_in || self.state.objects.contains_key(&place.key())
    }

    fn object(&mut self, key: &Key, object: &Object) -> Result<(), String> {
        let mut object = object.clone();
        let body = match &mut object {
            Object::Binding(_) => return Ok(()), // at what they lead to
            Object::Exchange(one) => self.exchange(one)?,
            Object::Queue(one) => self.queue(one)?,
            Object::Policy(one) | Object::OperatorPolicy(one) => policy(one)?,
            Object::Parameter(one) => {
                let mut names = vec![one.component.clone(), one.name.clone()];
                let value = secret(&one.value, &mut names, &mut self.left_out);
                one.value = value.ok_or("it holds something that a file cannot say")?;
                Settings::from([("value".to_owned(), one.value.clone())])
            }
            other => sections(other.properties()),
        };
        let names = match key {
            Key::TopicPermission(one, two) | Key::Parameter(one, two) => vec![one, two],
            Key::Vhost(name)
            | Key::User(name)
            | Key::Permission(name)
            | Key::Policy(name)
            | Key::OperatorPolicy(name)
            | Key::Exchange(name)
            | Key::Queue(name) => vec![name],
            Key::Binding(_) => Vec::new(),
        };
        self.described.descriptions.push(Description {
            section: key.kind(),
            names: names.into_iter().map(|name| template(name)).collect(),
            repeat: None,
            body: templates(Setting::Table(body)),
        });
        for binding in self.bindings.remove(key).unwrap_or_default() {
            let object = Object::Binding(binding.clone());
            self.described.kept.insert(object, None);
        }
        self.described.kept.insert(object, None);
        Ok(())
    }

    fn exchange(&self, exchange: &Exchange) -> Result<Settings, String> {
        nameable(&exchange.name)?;
        let kind = exchange.kind.as_str();
        if crate::ExchangeKind::named(kind).is_none() {
            return Err(format!("its type {kind:?} does not begin with x-"));
        }
        let mut body = flags(&[
            ("durable", exchange.durable, true),
            ("auto-delete", exchange.auto_delete, false),
            ("internal", exchange.internal, false),
        ]);
        body.insert("type".to_owned(), kind.into());
        self.arguments(&exchange.arguments, None, &mut body)?;
        self.sources(&Key::Exchange(exchange.name.clone()), &mut body);
        Ok(body)
    }

    fn queue(&self, queue: &Queue) -> Result<Settings, String> {
        nameable(&queue.name)?;
        let replicated = matches!(queue.kind, QueueKind::Quorum | QueueKind::Stream);
        if replicated && (!queue.durable || queue.auto_delete) {
            return Err("a queue of its type is durable and not auto-delete in a file".to_owned());
        }
        let mut body = flags(&[
            ("durable", queue.durable, true),
            ("auto-delete", queue.auto_delete, false),
        ]);
        body.insert("type".to_owned(), queue.kind.as_str().into());
        let mut arguments = queue.arguments.clone();
        arguments.remove("x-queue-type");
        self.arguments(&arguments, Some(queue.kind), &mut body)?;
        self.sources(&Key::Queue(queue.name.clone()), &mut body);
        Ok(body)
    }

    /// Those that the file checks, and the others. A reference to something that is not there is
    /// one of the others: the broker takes it, a file does not.
    fn arguments(
        &self,
        arguments: &Settings,
        kind: Option<QueueKind>,
        body: &mut Settings,
    ) -> Result<(), String> {
        if !are_scalars(arguments) {
            return Err("an argument is neither a text, a whole number, true nor false".to_owned());
        }
        let escaped: Settings = arguments
            .iter()
            .map(|(name, setting)| (name.clone(), templates(setting.clone())))
            .collect();
        let (mut known, unchecked) = arguments::parted(&escaped, kind);
        let names = ["alternate-exchange", "x-dead-letter-exchange"];
        let dangles = names.iter().any(|name| {
            let target = arguments.get(*name).and_then(Setting::text);
            target.is_some_and(|target| {
                !target.is_empty() && !self.is_there(&Destination::Exchange(target.to_owned()))
            })
        });
        // Arguments that need each other stay together.
        let (known, unchecked): (Settings, Settings) = if dangles {
            (Settings::new(), arguments.clone())
        } else {
            known.retain(|name, _| !unchecked.contains_key(name));
            arguments
                .clone()
                .into_iter()
                .partition(|(name, _)| known.contains_key(name))
        };
        for (name, settings) in [("arguments", known), ("unchecked-arguments", unchecked)] {
            if !settings.is_empty() {
                body.insert(name.to_owned(), Setting::Table(settings));
            }
        }
        Ok(())
    }

    /// `bindings`: those that differ by their key alone are one with a list of keys.
    fn sources(&self, to: &Key, body: &mut Settings) {
        let mut grouped: BTreeMap<(&str, &Settings), Vec<Setting>> = BTreeMap::new();
        for binding in self.bindings.get(to).into_iter().flatten() {
            let keys = grouped.entry((&binding.from, &binding.arguments));
            keys.or_default().push(binding.key.as_str().into());
        }
        let mut list = Vec::new();
        for ((from, arguments), mut keys) in grouped {
            let key = match keys.pop() {
                Some(only) if keys.is_empty() => only,
                Some(last) => {
                    keys.push(last);
                    Setting::List(keys)
                }
                None => continue,
            };
            let mut binding = Settings::from([("from".to_owned(), from.into())]);
            binding.insert("key".to_owned(), key);
            if !arguments.is_empty() {
                let arguments = Setting::Table(arguments.clone());
                binding.insert("arguments".to_owned(), arguments);
            }
            list.push(Setting::Table(binding));
        }
        if !list.is_empty() {
            body.insert("bindings".to_owned(), Setting::List(list));
        }
    }
}

fn policy(policy: &Policy) -> Result<Settings, String> {
    if policy.definition.values().any(|setting| !sayable(setting)) {
        return Err("its definition holds something that a file cannot say".to_owned());
    }
    let mut body = Settings::from([
        ("pattern".to_owned(), policy.pattern.as_str().into()),
        ("apply-to".to_owned(), policy.apply_to.as_str().into()),
        ("priority".to_owned(), Setting::Int(policy.priority)),
    ]);
    let definition = policy.definition.clone().into_iter();
    let (known, unchecked): (Settings, Settings) = definition
        .partition(|(name, setting)| arguments::policy_knows(name, &templates(setting.clone())));
    for (name, settings) in [("definition", known), ("unchecked-definition", unchecked)] {
        if !settings.is_empty() {
            body.insert(name.to_owned(), Setting::Table(settings));
        }
    }
    Ok(body)
}

/// `limits.x` as a table of its own.
fn sections(properties: Settings) -> Settings {
    let mut body = Settings::new();
    let mut limits = Settings::new();
    for (name, setting) in properties {
        match name.strip_prefix("limits.") {
            Some(limit) => limits.insert(limit.to_owned(), setting),
            None => body.insert(name, setting),
        };
    }
    if !limits.is_empty() {
        body.insert("limits".to_owned(), Setting::Table(limits));
    }
    body
}

/// The value with an environment variable's name for each text that holds a password; nothing
/// when a file cannot say it.
fn secret(value: &Setting, path: &mut Vec<String>, told: &mut Vec<String>) -> Option<Setting> {
    match value {
        Setting::Text(text) if crate::without_password(text) != *text => {
            let letter = |letter: char| match letter.to_ascii_uppercase() {
                letter if letter.is_ascii_alphanumeric() => letter,
                _ => '_',
            };
            let name: String = path.join("_").chars().map(letter).collect();
            told.push(format!(
                "parameter {}: a text with a password; put the whole text into the environment variable {name}",
                path.join(" ")
            ));
            Some(Setting::Secret(crate::Secret::Env(name)))
        }
        Setting::Table(settings) => {
            let mut entries = Settings::new();
            for (name, setting) in settings {
                path.push(name.clone());
                entries.insert(name.clone(), secret(setting, path, told)?);
                path.pop();
            }
            Some(Setting::Table(entries))
        }
        Setting::List(items) => {
            let items = items.iter().map(|item| secret(item, path, told));
            items.collect::<Option<_>>().map(Setting::List)
        }
        Setting::Null(()) | Setting::Other(_) => None,
        other => Some(other.clone()),
    }
}

fn sayable(setting: &Setting) -> bool {
    match setting {
        Setting::Null(()) | Setting::Other(_) | Setting::Secret(_) => false,
        Setting::Text(text) => crate::without_password(text) == *text,
        Setting::List(items) => items.iter().all(sayable),
        Setting::Table(settings) => settings.values().all(sayable),
        Setting::Bool(_) | Setting::Int(_) => true,
    }
}

fn are_scalars(settings: &Settings) -> bool {
    let scalar = |setting| {
        matches!(
            setting,
            &Setting::Bool(_) | Setting::Int(_) | Setting::Text(_)
        )
    };
    settings.values().all(scalar)
}

fn is_the_brokers(name: &str) -> bool {
    name.starts_with("amq.") || name.is_empty()
}

fn nameable(name: &str) -> Result<(), String> {
    if is_the_brokers(name) {
        return Err("names that begin with `amq.` are the broker's own".to_owned());
    }
    if name.contains(['\n', '\r']) {
        return Err("its name has a line break".to_owned());
    }
    Ok(())
}

/// What is not as it is when nothing is said.
fn flags(all: &[(&str, bool, bool)]) -> Settings {
    let unusual = all.iter().filter(|(_, is, usual)| is != usual);
    unusual
        .map(|(name, is, _)| ((*name).to_owned(), Setting::Bool(*is)))
        .collect()
}

fn template(text: &str) -> String {
    text.replace("${", "$${")
}

fn templates(setting: Setting) -> Setting {
    match setting {
        Setting::Text(text) => Setting::Text(template(&text)),
        Setting::List(items) => Setting::List(items.into_iter().map(templates).collect()),
        Setting::Table(settings) => Setting::Table(
            settings
                .into_iter()
                .map(|(name, setting)| (name, templates(setting)))
                .collect(),
        ),
        other => other,
    }
}
