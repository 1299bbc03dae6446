//! The entries of a table whose keys are known.

use crate::document::{Raw, RawEntry, RawKind};
use crate::problem::{Problems, did_you_mean, quote};

/// The entries of a table whose keys are known.
#[derive(Debug)]
pub(crate) struct Fields {
    what: String,
    entries: Vec<RawEntry>,
}

impl Fields {
    /// Tells every key that is not among `keys`, and keeps the others.
    pub(crate) fn of(
        what: &str,
        mut entries: Vec<RawEntry>,
        keys: &[&str],
        problems: &mut Problems,
    ) -> Self {
        for entry in entries.extract_if(.., |entry| !keys.contains(&entry.key.as_str())) {
            let key = quote(&entry.key);
            let hint = match did_you_mean(&entry.key, keys.iter().copied()) {
                hint if !hint.is_empty() => hint,
                _ if matches!(entry.value.kind, RawKind::Table(_)) && what != "the file" => {
                    " (a name with dots is written in quotes)".to_owned()
                }
                _ => format!(" (there are: {})", keys.join(", ")),
            };
            problems.at(entry.line, format!("unknown key {key} in {what}{hint}"));
        }
        Self {
            what: what.to_owned(),
            entries,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Raw> {
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.map(|entry| &entry.value)
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Raw> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).value)
    }

    pub(crate) fn table(&mut self, key: &str, problems: &mut Problems) -> Vec<RawEntry> {
        match self.take(key) {
            Some(Raw {
                kind: RawKind::Table(table),
                ..
            }) => table,
            None
            | Some(Raw {
                kind: RawKind::Broken,
                ..
            }) => Vec::new(),
            Some(other) => {
                problems.at(
                    other.line,
                    format!(
                        "`{key}` in {} is a table, and this is {}",
                        self.what,
                        other.kind()
                    ),
                );
                Vec::new()
            }
        }
    }
}
