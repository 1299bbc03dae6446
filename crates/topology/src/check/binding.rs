//! The bindings of a queue or an exchange, checked.

use super::{CheckedObjects, Reference, Target};
use crate::document::{Raw, RawKind};
use crate::evaluate::Scope;
use crate::problem::{Problems, quote};
use crate::raw::RawBinding;
use crate::{Binding, Checked, Destination, Value, arguments};

/// Checks the bindings of one object; without a destination (its name is wrong) they are
/// looked at all the same.
pub(super) fn check(
    raw: &[RawBinding],
    description: u32,
    to: Option<&Destination>,
    scope: Scope<'_>,
    objects: &mut CheckedObjects,
    problems: &mut Problems,
) {
    for one in raw {
        let from = source(one, scope, problems);
        let keys = keys(one.key.as_ref(), scope, problems);
        let arguments = arguments::unchecked(&one.arguments, scope, problems);
        let Some(from) = from else { continue };
        let whose = to.map_or_else(String::new, |to| format!(" of {}", quote(to.name())));
        objects.references.push(Reference {
            description,
            line: one.line,
            target: Target::Source {
                exchange: from.clone(),
                key: one.key.is_some(),
            },
            says: format!("a binding{whose} is from"),
        });
        let (Some(to), Some(keys), Some(arguments)) = (to, keys, arguments) else {
            continue;
        };
        objects.bindings.extend(keys.into_iter().map(|key| Checked {
            value: Binding {
                from: from.clone(),
                to: to.clone(),
                key,
                arguments: arguments.clone(),
            },
            line: one.line,
        }));
    }
}

fn source(raw: &RawBinding, scope: Scope<'_>, problems: &mut Problems) -> Option<String> {
    let Some(written) = &raw.from else {
        problems.at(raw.line, "a binding needs `from`: the name of an exchange");
        return None;
    };
    scope.text(written, "`from`", problems)
}

/// The routing keys: none said is one empty key, a list is a binding for each.
fn keys(raw: Option<&Raw>, scope: Scope<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let Some(raw) = raw else {
        return Some(vec![String::new()]);
    };
    let keys: Vec<String> = match &raw.kind {
        RawKind::List(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| scope.text(item, "a routing key", problems))
                .collect();
            items.into_iter().collect::<Option<_>>()?
        }
        _ if matches!(raw.kind, RawKind::Scalar(crate::Scalar::Text(_))) => {
            match scope.value(raw, problems)? {
                Value::Scalar(one) => vec![one.to_string()],
                Value::List(items) => items.iter().map(ToString::to_string).collect(),
            }
        }
        _ => vec![scope.text(raw, "`key`", problems)?],
    };
    if keys.is_empty() {
        problems.at(raw.line, "`key` is an empty list: nothing would be bound");
        return None;
    }
    if let Some(long) = keys.iter().find(|key| key.len() > 255) {
        problems.at(
            raw.line,
            format!(
                "the routing key {} has {} bytes, and 255 is the most",
                quote(long),
                long.len()
            ),
        );
        return None;
    }
    Some(keys)
}
