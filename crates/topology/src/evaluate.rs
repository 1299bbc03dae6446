//! What a value as written comes to, given the variables.

use std::collections::BTreeMap;

use crate::document::{Raw, RawKind};
use crate::interpolation::{Piece, pieces};
use crate::problem::{Problems, did_you_mean, quote};
use crate::{Scalar, Value};

/// Variables by name; without a value when its problem has been told already.
pub(crate) type Variables = BTreeMap<String, Option<Value>>;

/// The variables of one turn of a repetition.
pub(crate) type Turn = Vec<(String, Option<Scalar>)>;

/// The longest text that variables may grow into, in bytes.
const LONGEST: usize = 4096;

/// The variables that a value can see. Every method tells what is wrong and then gives nothing.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) variables: &'a Variables,
    pub(crate) turn: &'a [(String, Option<Scalar>)],
}

impl Scope<'_> {
    /// The value with its own type: a text that is one `${name}` and no more is what `name` is.
    pub(crate) fn value(&self, raw: &Raw, problems: &mut Problems) -> Option<Value> {
        match &raw.kind {
            RawKind::Scalar(Scalar::Text(text)) => self.typed(raw.line, text, problems),
            RawKind::Scalar(scalar) => Some(Value::Scalar(scalar.clone())),
            RawKind::List(items) => {
                // Every item is looked at before the first failure counts.
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.scalar(item, "an item of a list", problems))
                    .collect();
                items.into_iter().collect::<Option<_>>().map(Value::List)
            }
            RawKind::Table(_) => {
                problems.at(
                    raw.line,
                    "a table cannot stand here: write a text, a number, true, false or a list",
                );
                None
            }
            RawKind::Broken => None,
        }
    }

    /// The value, when it is one and no list.
    pub(crate) fn scalar(&self, raw: &Raw, what: &str, problems: &mut Problems) -> Option<Scalar> {
        if matches!(raw.kind, RawKind::List(_) | RawKind::Table(_)) {
            problems.at(
                raw.line,
                format!("{what} is one value, and this is {}", raw.kind()),
            );
            return None;
        }
        match self.value(raw, problems)? {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) => {
                problems.at(
                    raw.line,
                    format!("{what} is one value, and this variable is a list"),
                );
                None
            }
        }
    }

    /// The text, with every variable written out.
    pub(crate) fn text(&self, raw: &Raw, what: &str, problems: &mut Problems) -> Option<String> {
        match &raw.kind {
            RawKind::Scalar(Scalar::Text(text)) => self.written_out(raw.line, text, problems),
            RawKind::Broken => None,
            RawKind::Scalar(other) => {
                problems.at(raw.line, format!("{what} is a text: write \"{other}\""));
                None
            }
            RawKind::List(_) | RawKind::Table(_) => {
                problems.at(
                    raw.line,
                    format!("{what} is a text, and this is {}", raw.kind()),
                );
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, raw: &Raw, what: &str, problems: &mut Problems) -> Option<bool> {
        match self.scalar(raw, what, problems)? {
            Scalar::Bool(truth) => Some(truth),
            other => {
                problems.at(
                    raw.line,
                    format!("{what} is true or false, and this is {}", other.kind()),
                );
                None
            }
        }
    }

    /// A text of the file with every variable written out.
    pub(crate) fn written_out(
        &self,
        line: u32,
        text: &str,
        problems: &mut Problems,
    ) -> Option<String> {
        let pieces = told(pieces(text), line, problems)?;
        let mut written = String::new();
        let mut whole = true;
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => written.push_str(literal),
                Piece::Variable(name) => match self.variable(line, name, problems) {
                    Some(Value::Scalar(scalar)) => written.push_str(&scalar.to_string()),
                    Some(Value::List(_)) => {
                        problems.at(line, format!("`${{{name}}}` is a list and cannot stand in a text: repeat over it with `for.NAME = \"${{{name}}}\"`"));
                        whole = false;
                    }
                    None => whole = false,
                },
            }
            if written.len() > LONGEST.max(text.len()) {
                problems.at(
                    line,
                    format!("{} grows beyond {LONGEST} bytes", quote(text)),
                );
                return None;
            }
        }
        whole.then_some(written)
    }

    fn typed(&self, line: u32, text: &str, problems: &mut Problems) -> Option<Value> {
        match told(pieces(text), line, problems)?.as_slice() {
            [Piece::Variable(name)] => self.variable(line, name, problems),
            _ => Some(Value::Scalar(Scalar::Text(
                self.written_out(line, text, problems)?,
            ))),
        }
    }

    fn variable(&self, line: u32, name: &str, problems: &mut Problems) -> Option<Value> {
        if let Some((_, scalar)) = self.turn.iter().find(|(known, _)| known == name) {
            return scalar.clone().map(Value::Scalar);
        }
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        let known = self
            .turn
            .iter()
            .map(|(known, _)| known)
            .chain(self.variables.keys());
        let hint = did_you_mean(name, known.map(String::as_str));
        problems.at(
            line,
            format!("`${{{name}}}`: there is no variable {}{hint}", quote(name)),
        );
        None
    }
}

fn told<T>(result: Result<T, String>, line: u32, problems: &mut Problems) -> Option<T> {
    result.map_err(|message| problems.at(line, message)).ok()
}
