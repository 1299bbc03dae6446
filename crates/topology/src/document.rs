//! From TOML to a tree in the order of the file, in which everything knows its line.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue, Error};

use crate::problem::{Problems, quote};
use crate::source::Lines;
use crate::{Scalar, Source};

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) line: u32,
    pub(crate) kind: RawKind,
}

#[derive(Clone, Debug)]
pub(crate) enum RawKind {
    Scalar(Scalar),
    List(Vec<Raw>),
    Table(Vec<RawEntry>),
    /// No value of ours; already told.
    Broken,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct RawEntry {
    pub(crate) line: u32,
    pub(crate) key: String,
    pub(crate) value: Raw,
}

impl RawEntry {
    /// An entry of no file, to ask whether a file could have it; nothing when it is no scalar.
    pub(crate) fn of(key: &str, setting: &crate::Setting) -> Option<Self> {
        let scalar = match setting {
            crate::Setting::Bool(truth) => Scalar::Bool(*truth),
            crate::Setting::Int(number) => Scalar::Int(*number),
            crate::Setting::Text(text) => Scalar::Text(text.clone()),
            _ => return None,
        };
        Some(Self {
            line: 0,
            key: key.to_owned(),
            value: Raw {
                line: 0,
                kind: RawKind::Scalar(scalar),
            },
        })
    }
}

impl Raw {
    /// What it is, in words for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.kind {
            RawKind::Scalar(scalar) => scalar.kind(),
            RawKind::List(_) => "a list",
            RawKind::Table(_) => "a table",
            RawKind::Broken => "not readable",
        }
    }
}

/// Reads the text; nothing when it is so broken that looking further would tell untruths.
pub(crate) fn read(source: &Source, problems: &mut Problems) -> Option<Vec<RawEntry>> {
    let lines = Lines::of(&source.text);
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut told = BTreeSet::new();
    for error in &errors {
        let line = lines.line(error.span().map_or(0, |span| span.start));
        if told.insert(line) {
            problems.at(line, error.message());
        }
    }
    if !errors.iter().all(leaves_the_rest_readable) {
        return None;
    }
    Some(
        Reader {
            lines: &lines,
            problems,
        }
        .table(table.get_ref()),
    )
}

/// After these the parser goes on where a person would; after others (a bracket left open) it
/// takes the following lines for something else.
fn leaves_the_rest_readable(error: &Error) -> bool {
    ["duplicate key", "string values must be quoted"]
        .iter()
        .any(|kind| error.message().starts_with(kind))
}

struct Reader<'a> {
    lines: &'a Lines,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Vec<RawEntry> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| self.entry(key, value))
            .collect()
    }

    fn entry(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> RawEntry {
        let line = self.lines.line(key.span().start);
        RawEntry {
            line,
            key: key.get_ref().to_string(),
            value: self.value(value),
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Raw {
        let line = self.lines.line(value.span().start);
        let kind = match value.get_ref() {
            DeValue::String(text) => RawKind::Scalar(Scalar::Text(text.to_string())),
            DeValue::Boolean(truth) => RawKind::Scalar(Scalar::Bool(*truth)),
            DeValue::Integer(number) => self.integer(line, number),
            DeValue::Array(items) => {
                RawKind::List(items.iter().map(|item| self.value(item)).collect())
            }
            DeValue::Table(table) => RawKind::Table(self.table(table)),
            DeValue::Float(number) => self.broken(line, number.as_str(), "a fraction"),
            DeValue::Datetime(time) => self.broken(line, &time.to_string(), "a date or time"),
        };
        Raw { line, kind }
    }

    fn integer(&mut self, line: u32, number: &DeInteger<'_>) -> RawKind {
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => RawKind::Scalar(Scalar::Int(number)),
            Err(_) => self.broken(line, number.as_str(), "beyond 64 bits"),
        }
    }

    fn broken(&mut self, line: u32, text: &str, what: &str) -> RawKind {
        let text = quote(text);
        self.problems.at(
            line,
            format!(
                "{text} is {what}: values are texts, whole numbers, true, false, lists and tables"
            ),
        );
        RawKind::Broken
    }
}
