//! The sections beside exchanges and queues, checked.

use std::collections::BTreeSet;

use super::CheckedObjects;
use super::definition::{self, Secrets};
use crate::document::{Raw, RawKind};
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};
use crate::raw::{RawSection, Section};
use crate::{
    Checked, Object, Parameter, Permission, Policy, QueueKind, Setting, Settings, TopicPermission,
    User, Value, Vhost,
};

/// The types that `apply-to` can name.
pub(crate) const APPLY_TO: [&str; 6] = [
    "all",
    "queues",
    "exchanges",
    "classic_queues",
    "quorum_queues",
    "streams",
];

/// One turn of one section.
pub(super) fn check(
    raw: &RawSection,
    scope: Scope<'_>,
    objects: &mut CheckedObjects,
    problems: &mut Problems,
) {
    let line = raw.head.line;
    let name = scope.written_out(line, &raw.head.name, problems);
    let second = scope.written_out(line, &raw.second, problems);
    let reader = &mut Reader {
        raw,
        scope,
        problems,
    };
    let object = match raw.section {
        Section::Vhost => reader.vhost(name).map(Object::Vhost),
        Section::User => reader.user(name).map(Object::User),
        Section::Permission => reader.permission(name).map(Object::Permission),
        Section::TopicPermission => reader
            .topic_permission(name, second)
            .map(Object::TopicPermission),
        Section::Parameter => reader.parameter(name, second).map(Object::Parameter),
        Section::Policy => reader.policy(name).map(Object::Policy),
        Section::OperatorPolicy => reader.policy(name).map(Object::OperatorPolicy),
    };
    if let Some(object) = object {
        objects.add(object, &raw.head, problems);
    }
}

struct Reader<'a> {
    raw: &'a RawSection,
    scope: Scope<'a>,
    problems: &'a mut Problems,
}

/// Each method looks at everything before the first failure counts.
impl Reader<'_> {
    fn vhost(&mut self, name: Option<String>) -> Option<Vhost> {
        let description = self.optional("description", Self::text_of);
        let tags = self.optional("tags", Self::texts_of);
        let kind = self.optional("default-queue-type", |reader, raw, what| {
            reader.one_of(raw, what, &QueueKind::NAMES)
        });
        let limits = self.limits();
        Some(Vhost {
            name: self.named(name)?,
            description: description?,
            tags: tags?,
            default_queue_type: kind?,
            limits: limits?,
        })
    }

    fn user(&mut self, name: Option<String>) -> Option<User> {
        let tags = self.optional("tags", Self::texts_of);
        let password = self.optional("password", |reader, raw, _| {
            definition::secret(raw, reader.scope, reader.problems)
        });
        Some(User {
            name: self.named(name)?,
            tags: tags?.unwrap_or_default(),
            password: password?,
        })
    }

    fn permission(&mut self, name: Option<String>) -> Option<Permission> {
        let (configure, write, read) = (
            self.required("configure", "\"\" for nothing, \".*\" for all"),
            self.required("write", "\"\" for nothing, \".*\" for all"),
            self.required("read", "\"\" for nothing, \".*\" for all"),
        );
        Some(Permission {
            user: self.named(name)?,
            configure: configure?,
            write: write?,
            read: read?,
        })
    }

    fn topic_permission(
        &mut self,
        name: Option<String>,
        exchange: Option<String>,
    ) -> Option<TopicPermission> {
        let (write, read) = (
            self.required("write", "\"\" for nothing, \".*\" for all"),
            self.required("read", "\"\" for nothing, \".*\" for all"),
        );
        Some(TopicPermission {
            user: self.named(name)?,
            exchange: exchange?,
            write: write?,
            read: read?,
        })
    }

    fn parameter(&mut self, component: Option<String>, name: Option<String>) -> Option<Parameter> {
        let Some(raw) = self.raw.fields.get("value") else {
            self.tell(self.raw.head.line, "needs a `value`: what the plugin wants");
            return None;
        };
        let value = definition::setting(raw, Secrets::Allowed, self.scope, self.problems);
        Some(Parameter {
            component: self.named(component)?,
            name: self.named(name)?,
            value: value?,
        })
    }

    fn policy(&mut self, name: Option<String>) -> Option<Policy> {
        let pattern = self.required("pattern", "a regular expression of names");
        let apply_to = self.optional("apply-to", |reader, raw, what| {
            reader.one_of(raw, what, &APPLY_TO)
        });
        let priority = self.optional("priority", |reader, raw, what| {
            match reader.scope.scalar(raw, what, reader.problems)? {
                crate::Scalar::Int(number) => Some(number),
                other => {
                    let message = format!("{what} is a whole number, and this is {}", other.kind());
                    reader.problems.at(raw.line, message);
                    None
                }
            }
        });
        let known = self.table("definition", |entry, scope, problems| {
            definition::of_policy(entry, scope, problems)
        });
        let unchecked = self.table("unchecked-definition", |entry, scope, problems| {
            definition::setting(&entry.value, Secrets::Refused, scope, problems)
        });
        let (mut definition, unchecked) = (known?, unchecked?);
        definition.extend(unchecked);
        if definition.is_empty() {
            self.tell(self.raw.head.line, "needs a `definition`: what it sets");
            return None;
        }
        Some(Policy {
            name: self.named(name)?,
            pattern: pattern?,
            apply_to: apply_to?.unwrap_or_else(|| "all".to_owned()),
            priority: priority?.unwrap_or(0),
            definition,
        })
    }

    fn limits(&mut self) -> Option<Settings> {
        self.table("limits", |entry, scope, problems| {
            let known = ["max-connections", "max-queues"];
            if !known.contains(&entry.key.as_str()) {
                let hint = did_you_mean(&entry.key, known);
                let message = format!("{} is no limit of a vhost{hint}", quote(&entry.key));
                problems.at(entry.line, message);
                return None;
            }
            match scope.scalar(&entry.value, "a limit", problems)? {
                crate::Scalar::Int(number) => Some(Setting::Int(number)),
                other => {
                    let message =
                        format!("a limit is a whole number, and this is {}", other.kind());
                    problems.at(entry.value.line, message);
                    None
                }
            }
        })
    }

    /// A setting that may be left out: inside, whether it is there.
    fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self, &Raw, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.raw.fields.get(key) {
            None => Some(None),
            Some(raw) => read(self, raw, &format!("`{key}`")).map(Some),
        }
    }

    fn required(&mut self, key: &str, hint: &str) -> Option<String> {
        let Some(raw) = self.raw.fields.get(key) else {
            self.tell(self.raw.head.line, &format!("needs `{key}`: {hint}"));
            return None;
        };
        self.text_of(raw, &format!("`{key}`"))
    }

    fn table(
        &mut self,
        key: &str,
        mut read: impl FnMut(&crate::document::RawEntry, Scope<'_>, &mut Problems) -> Option<Setting>,
    ) -> Option<Settings> {
        let entries = match self.raw.fields.get(key).map(|raw| (raw.line, &raw.kind)) {
            None => return Some(Settings::new()),
            Some((_, RawKind::Table(entries))) => entries,
            Some((_, RawKind::Broken)) => return None,
            Some((line, _)) => {
                self.tell(line, &format!("has a `{key}` that is no table"));
                return None;
            }
        };
        let read: Vec<_> = entries
            .iter()
            .map(|entry| Some((entry.key.clone(), read(entry, self.scope, self.problems)?)))
            .collect();
        read.into_iter().collect()
    }

    fn text_of(&mut self, raw: &Raw, what: &str) -> Option<String> {
        self.scope.text(raw, what, self.problems)
    }

    fn texts_of(&mut self, raw: &Raw, what: &str) -> Option<BTreeSet<String>> {
        match self.scope.value(raw, self.problems)? {
            Value::List(items) => Some(items.iter().map(ToString::to_string).collect()),
            Value::Scalar(_) => {
                let message = format!("{what} is a list of texts: write [\"..\"]");
                self.problems.at(raw.line, message);
                None
            }
        }
    }

    fn one_of(&mut self, raw: &Raw, what: &str, words: &[&str]) -> Option<String> {
        let text = self.text_of(raw, what)?;
        if !words.contains(&text.as_str()) {
            let hint = did_you_mean(&text, words.iter().copied());
            let message = format!(
                "{what} is one of {}, not {}{hint}",
                words.join(", "),
                quote(&text)
            );
            self.problems.at(raw.line, message);
            return None;
        }
        Some(text)
    }

    fn named(&mut self, name: Option<String>) -> Option<String> {
        let name = name?;
        if name.is_empty() {
            self.tell(self.raw.head.line, "has an empty name");
            return None;
        }
        Some(name)
    }

    fn tell(&mut self, line: u32, what: &str) {
        let (section, name) = (self.raw.section.name(), quote(&self.raw.head.name));
        self.problems.at(line, format!("{section} {name} {what}"));
    }
}

impl CheckedObjects {
    /// Keeps an object that no other description has described.
    fn add(&mut self, object: Object, head: &crate::raw::RawHead, problems: &mut Problems) {
        let key = object.key();
        if let Some(line) = self.others.get(&key) {
            let message = format!(
                "{} {} is described at line {line} already",
                key.kind(),
                quote(&key.to_string())
            );
            problems.at(head.line, message);
            return;
        }
        self.others.insert(key, head.line);
        self.sections.push(Checked {
            value: object,
            line: head.line,
        });
    }
}
