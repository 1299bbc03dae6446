//! Values of policies and parameters, and where secrets stand.

use crate::arguments;
use crate::document::{Raw, RawEntry, RawKind};
use crate::evaluate::Scope;
use crate::problem::{Problems, quote};
use crate::{Secret, Setting, Value, without_password};

/// Whether `{ env = "NAME" }` and `{ file = "PATH" }` stand for what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    Allowed,
    Refused,
}

/// One key of a policy's definition.
pub(super) fn of_policy(
    entry: &RawEntry,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Setting> {
    arguments::of_policy(entry, scope, problems)
}

/// Any value. A password in it is a problem: this file is for everybody to read.
pub(super) fn setting(
    raw: &Raw,
    secrets: Secrets,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Setting> {
    match &raw.kind {
        RawKind::Table(entries) if secrets == Secrets::Allowed && names_a_secret(entries) => {
            secret(raw, scope, problems).map(Setting::Secret)
        }
        RawKind::Table(entries) => {
            let read: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let value = setting(&entry.value, secrets, scope, problems)?;
                    Some((entry.key.clone(), value))
                })
                .collect();
            read.into_iter().collect::<Option<_>>().map(Setting::Table)
        }
        RawKind::List(items) => {
            let read: Vec<_> = items
                .iter()
                .map(|item| setting(item, secrets, scope, problems))
                .collect();
            read.into_iter().collect::<Option<_>>().map(Setting::List)
        }
        RawKind::Scalar(_) | RawKind::Broken => match scope.value(raw, problems)? {
            Value::Scalar(scalar) => open(raw, scalar.into(), problems),
            Value::List(items) => Some(Setting::List(
                items.into_iter().map(Setting::from).collect(),
            )),
        },
    }
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
pub(super) fn secret(raw: &Raw, scope: Scope<'_>, problems: &mut Problems) -> Option<Secret> {
    if let RawKind::Table(entries) = &raw.kind
        && let [entry] = entries.as_slice()
    {
        let text = || scope.text(&entry.value, "the place of a secret", problems);
        match entry.key.as_str() {
            "env" => return text_of(text, Secret::Env),
            "file" => return text_of(text, Secret::File),
            _ => {}
        }
    }
    if !matches!(raw.kind, RawKind::Broken) {
        // What stands there may be the secret itself, so it is not repeated.
        problems.at(
            raw.line,
            "a secret never stands in this file: write { env = \"VARIABLE\" } or { file = \"PATH\" }",
        );
    }
    None
}

fn text_of(text: impl FnOnce() -> Option<String>, of: fn(String) -> Secret) -> Option<Secret> {
    text().map(of)
}

fn names_a_secret(entries: &[RawEntry]) -> bool {
    matches!(entries, [entry] if entry.key == "env" || entry.key == "file")
}

fn open(raw: &Raw, setting: Setting, problems: &mut Problems) -> Option<Setting> {
    if let Some(text) = setting.text() {
        let shown = without_password(text);
        if shown != text {
            problems.at(
                raw.line,
                format!(
                    "{} holds a password: write {{ env = \"VARIABLE\" }} or {{ file = \"PATH\" }} for the whole text",
                    quote(&shown)
                ),
            );
            return None;
        }
    }
    Some(setting)
}
