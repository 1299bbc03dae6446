//! `[vars]`: defaults, what overrides them, and how they refer to each other.

mod profile;

use std::collections::BTreeMap;

use crate::document::{Raw, RawEntry, RawKind};
use crate::evaluate::{Scope, Variables};
use crate::interpolation::{NAME, Piece, is_name, pieces};
use crate::problem::{Problems, did_you_mean, quote};
use crate::{Scalar, Value};

/// What an environment variable that overrides begins with: `ALDEBARAN_SET_SHARDS=8`.
pub const ENVIRONMENT_PREFIX: &str = "ALDEBARAN_SET_";

/// Values that take the place of the file's defaults. Lists are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Environment variables whose name begins with [`ENVIRONMENT_PREFIX`], and their values.
    pub from_environment: Vec<(String, String)>,
    /// Name and value of each `--set name=value`; these win.
    pub from_command_line: Vec<(String, String)>,
    /// The profile that is in force, if any: its values win over the file's defaults, and
    /// everything else over it.
    pub profile: Option<String>,
    /// What stood after `--set` and is not of the form `name=value`.
    pub unreadable: Vec<String>,
}

/// One override, and how to name its place in a message.
struct Override<'a> {
    place: String,
    name: String,
    value: &'a str,
}

impl Overrides {
    /// Takes the environment, of which only [`ENVIRONMENT_PREFIX`] counts, and what stands
    /// after each `--set`. What is wrong with them is told by [`crate::load`].
    pub fn collect<'a>(
        environment: impl IntoIterator<Item = (String, String)>,
        set: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut overrides = Self::default();
        let ours = |(name, _): &(String, String)| name.starts_with(ENVIRONMENT_PREFIX);
        overrides
            .from_environment
            .extend(environment.into_iter().filter(ours));
        overrides.from_environment.sort();
        for text in set {
            match text.split_once('=') {
                Some((name, value)) => {
                    overrides
                        .from_command_line
                        .push((name.trim().to_owned(), value.to_owned()));
                }
                None => overrides.unreadable.push(text.to_owned()),
            }
        }
        overrides
    }

    /// The overrides, those that win last.
    fn in_order(&self) -> impl Iterator<Item = Override<'_>> {
        let environment = self.from_environment.iter().map(|(key, value)| Override {
            place: key.clone(),
            name: key
                .strip_prefix(ENVIRONMENT_PREFIX)
                .unwrap_or(key)
                .to_ascii_lowercase(),
            value,
        });
        let command_line = self.from_command_line.iter().map(|(name, value)| Override {
            place: format!("--set {name}"),
            name: name.clone(),
            value,
        });
        environment.chain(command_line)
    }
}

/// Every variable of the file with its value after all overrides.
pub(crate) fn resolve(
    raw: &[RawEntry],
    profiles: &[RawEntry],
    overrides: &Overrides,
    problems: &mut Problems,
) -> Variables {
    let mut defaults = BTreeMap::new();
    for entry in raw {
        if is_name(&entry.key) {
            defaults.insert(entry.key.as_str(), entry);
        } else {
            problems.at(
                entry.line,
                format!("{} cannot name a variable: {NAME}", quote(&entry.key)),
            );
        }
    }
    profile::choose(
        profiles,
        overrides.profile.as_deref(),
        &mut defaults,
        problems,
    );
    let variables = evaluate(defaults, overrides, problems);
    for text in &overrides.unreadable {
        problems.elsewhere(
            "--set".to_owned(),
            format!("{} is not of the form name=value", quote(text)),
        );
    }
    for wrong in overrides
        .in_order()
        .filter(|one| !variables.contains_key(&one.name))
    {
        let hint = did_you_mean(&wrong.name, variables.keys().map(String::as_str));
        problems.elsewhere(
            wrong.place,
            format!("the file has no variable {}{hint}", quote(&wrong.name)),
        );
    }
    variables
}

/// Evaluates each variable once those that it refers to have been.
fn evaluate(
    mut waiting: BTreeMap<&str, &RawEntry>,
    overrides: &Overrides,
    problems: &mut Problems,
) -> Variables {
    let mut done = Variables::new();
    while !waiting.is_empty() {
        let ready: Vec<&str> = waiting
            .iter()
            .filter(|(_, entry)| !references(&entry.value).any(|name| waiting.contains_key(name)))
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            break_a_circle(&mut waiting, &mut done, problems);
        }
        for name in ready {
            let Some(entry) = waiting.remove(name) else {
                continue;
            };
            let scope = Scope {
                variables: &done,
                turn: &[],
            };
            let default = scope.value(&entry.value, problems);
            let value = default.map(|default| overridden(name, default, overrides, problems));
            done.insert(name.to_owned(), value);
        }
    }
    done
}

/// Tells one circle of variables that all wait for each other, and lets go of them.
fn break_a_circle(
    waiting: &mut BTreeMap<&str, &RawEntry>,
    done: &mut Variables,
    problems: &mut Problems,
) {
    let mut path: Vec<String> = waiting
        .keys()
        .take(1)
        .map(|name| (*name).to_owned())
        .collect();
    while let Some(entry) = path.last().and_then(|name| waiting.get(name.as_str())) {
        let Some(next) = references(&entry.value).find(|name| waiting.contains_key(name)) else {
            break;
        };
        if let Some(start) = path.iter().position(|name| name == next) {
            path.drain(..start);
            break;
        }
        path.push(next.to_owned());
    }
    let entry = path.first().and_then(|name| waiting.get(name.as_str()));
    let circle = path
        .iter()
        .chain(path.first())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" -> ");
    problems.at(
        entry.map_or(1, |entry| entry.line),
        format!("variables refer to each other in a circle: {circle}"),
    );
    for name in path {
        waiting.remove(name.as_str());
        done.insert(name, None);
    }
}

/// The names of the variables that a value refers to.
fn references(raw: &Raw) -> Box<dyn Iterator<Item = &str> + '_> {
    match &raw.kind {
        RawKind::Scalar(Scalar::Text(text)) => Box::new(
            pieces(text)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Variable(name) => Some(name),
                    Piece::Literal(_) => None,
                }),
        ),
        RawKind::List(items) => Box::new(items.iter().flat_map(references)),
        _ => Box::new(std::iter::empty()),
    }
}

/// The last override of a variable, read as the type of its default; the default without one.
fn overridden(name: &str, default: Value, overrides: &Overrides, problems: &mut Problems) -> Value {
    let mut last = None;
    for one in overrides.in_order().filter(|one| one.name == name) {
        let read = read_as(&default, one.value);
        if read.is_none() {
            let message = format!(
                "{} is wrong: `{name}` is {}",
                quote(one.value),
                default.kind()
            );
            problems.elsewhere(one.place, message);
        }
        last = read.or(last);
    }
    last.unwrap_or(default)
}

fn read_as(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::Scalar(like) => read_scalar_as(like, text).map(Value::Scalar),
        Value::List(items) => {
            let numbers =
                !items.is_empty() && items.iter().all(|item| matches!(item, Scalar::Int(_)));
            let like = if numbers {
                Scalar::Int(0)
            } else {
                Scalar::Text(String::new())
            };
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            parts
                .map(|part| read_scalar_as(&like, part))
                .collect::<Option<_>>()
                .map(Value::List)
        }
    }
}

fn read_scalar_as(like: &Scalar, text: &str) -> Option<Scalar> {
    match like {
        Scalar::Bool(_) => text.parse().ok().map(Scalar::Bool),
        Scalar::Int(_) => text.parse().ok().map(Scalar::Int),
        Scalar::Text(_) => Some(Scalar::Text(text.to_owned())),
    }
}
