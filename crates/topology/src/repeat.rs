//! `for`: one description that stands for many objects.

use crate::document::{Raw, RawEntry, RawKind};
use crate::evaluate::{Scope, Turn, Variables};
use crate::interpolation::{NAME, Piece, is_name, pieces};
use crate::problem::{Problems, quote};
use crate::range;
use crate::{Scalar, Value};

/// The most objects that one file may describe.
pub(crate) const MOST_OBJECTS: usize = 250_000;

/// The turns of a repetition: one for each combination of its variables, the last one fastest.
///
/// A description without `for` has one turn. When a source is wrong, that is told, and its
/// variable has no value in the turns, so that the rest of the description is still checked.
pub(crate) fn turns(
    repeat: &[RawEntry],
    variables: &Variables,
    problems: &mut Problems,
) -> Vec<Turn> {
    let mut turns: Vec<Turn> = vec![Vec::new()];
    for entry in repeat {
        let source = values(entry, variables, problems).filter(|values| {
            let fits = values.len().saturating_mul(turns.len()) <= MOST_OBJECTS;
            if !fits {
                problems.at(
                    entry.line,
                    format!("the repetition makes more than {MOST_OBJECTS} objects"),
                );
            }
            fits
        });
        let values: Vec<Option<Scalar>> = match source {
            Some(values) => values.into_iter().map(Some).collect(),
            None => vec![None],
        };
        turns = turns
            .into_iter()
            .flat_map(|turn| {
                values.iter().map(move |value| {
                    let mut longer = turn.clone();
                    longer.push((entry.key.clone(), value.clone()));
                    longer
                })
            })
            .collect();
    }
    turns
}

/// What one variable of a repetition runs over.
fn values(entry: &RawEntry, variables: &Variables, problems: &mut Problems) -> Option<Vec<Scalar>> {
    let name = quote(&entry.key);
    if !is_name(&entry.key) {
        problems.at(entry.line, format!("{name} cannot name a variable: {NAME}"));
        return None;
    }
    if variables.contains_key(&entry.key) {
        problems.at(
            entry.line,
            format!("{name} is a variable of [vars] already: give the repetition's another name"),
        );
        return None;
    }
    let scope = Scope {
        variables,
        turn: &[],
    };
    let found = match scope.value(&entry.value, problems)? {
        Value::List(items) => items,
        Value::Scalar(Scalar::Text(text)) => range::read(&text)
            .map_err(|message| problems.at(entry.value.line, message))
            .ok()?
            .map(Scalar::Int)
            .collect(),
        Value::Scalar(other) => {
            let hint = lone_variable(&entry.value)
                .map(|name| format!(": write \"0..${{{name}}}\""))
                .unwrap_or_default();
            problems.at(
                entry.value.line,
                format!(
                    "a repetition runs over a range or a list, and this is {}{hint}",
                    other.kind()
                ),
            );
            return None;
        }
    };
    if found.is_empty() {
        problems.at(
            entry.value.line,
            format!("{name} repeats over an empty list: nothing would be declared"),
        );
        return None;
    }
    Some(found)
}

fn lone_variable(raw: &Raw) -> Option<&str> {
    let RawKind::Scalar(Scalar::Text(text)) = &raw.kind else {
        return None;
    };
    match pieces(text).ok()?.as_slice() {
        [Piece::Variable(name)] => Some(name),
        _ => None,
    }
}
