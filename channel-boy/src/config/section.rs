//! One channel's keys, read one by one: each look-up checks its value and notes its problem,
//! so that one pass finds them all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::RangeInclusive,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Problems;

/// The keys of one channel.
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    /// Whether its secrets and files are read.
    pub(super) resolved: bool,
    pub(super) known: BTreeSet<String>,
    problems: &'a mut Problems,
}

impl<'a> Section<'a> {
    /// `at` is the offset of its heading.
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        at: usize,
        resolved: bool,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            table,
            at,
            resolved,
            known: BTreeSet::new(),
            problems,
        }
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes what is wrong with a key's value.
    pub(crate) fn problem(&mut self, key: &str, words: &str) {
        let at = self.table.get(key).map_or(self.at, |v| v.span().start);
        self.problems.add(at, format!("{key} {words}"));
    }

    /// Notes that a key is needed, and what for.
    pub(crate) fn missing(&mut self, key: &str, words: &str) {
        self.problems
            .add(self.at, format!("{key} is missing: it {words}"));
    }

    fn get(&mut self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.insert(key.to_owned());
        self.table.get(key)
    }

    /// A string.
    pub(crate) fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.get(key)?.get_ref().as_str();
        if value.is_none_or(str::is_empty) {
            self.problem(key, "must be a string with something in it, in quotes");
            return None;
        }
        value
    }

    /// A string that must be there.
    pub(crate) fn required(&mut self, key: &str, words: &str) -> Option<&'a str> {
        if !self.has(key) {
            self.known.insert(key.to_owned());
            self.missing(key, words);
        }
        self.text(key)
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.choice_or(key, choices, "")
    }

    /// The same; `remedy` is said to whoever wants another one.
    pub(crate) fn choice_or<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
        remedy: &str,
    ) -> Option<T> {
        let word = self.get(key)?.get_ref().as_str();
        let chosen = choices.iter().find(|(name, _)| Some(*name) == word);
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            let words = match word {
                Some(word) => format!("is {word:?}; it may be one of: {names}{remedy}"),
                None => format!("must be in quotes and one of: {names}{remedy}"),
            };
            self.problem(key, &words);
        }
        chosen.map(|(_, value)| *value)
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?.get_ref().as_integer();
        let number = value.and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (from, to) = (range.start(), range.end());
            self.problem(key, &format!("must be a whole number from {from} to {to}"));
        }
        number
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        let flag = self.get(key)?.get_ref().as_bool();
        if flag.is_none() {
            self.problem(key, "must be true or false, without quotes");
        }
        flag
    }

    /// A length of time, as people write it; from a millisecond to a year.
    pub(crate) fn duration(&mut self, key: &str) -> Option<Duration> {
        let range = Duration::from_millis(1)..=Duration::from_secs(365 * 86400);
        let value = self.get(key)?.get_ref().as_str();
        let duration = value.and_then(|text| humantime::parse_duration(text).ok());
        let duration = duration.filter(|duration| range.contains(duration));
        if duration.is_none() {
            self.problem(
                key,
                "must be a length of time in quotes, for example \"30s\" or \"5m\"",
            );
        }
        duration
    }

    /// A list of strings, at least one, none twice; each with a check of its own.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        words: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        if !self.has(key) {
            self.known.insert(key.to_owned());
            self.missing(key, words);
        }
        self.optional_list(key, check)
    }

    /// The same, where it need not be there.
    pub(crate) fn optional_list<T>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.get(key)?;
        let items = value.get_ref().as_array().filter(|items| !items.is_empty());
        let Some(items) = items else {
            self.problem(key, "must be a list with something in it: [\"..\", \"..\"]");
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut checked = Vec::new();
        for item in items {
            let text = item.get_ref().as_str().unwrap_or_default();
            let words = match check(text) {
                Ok(_) if !seen.insert(text) => format!("{text:?} is listed twice"),
                Ok(value) => {
                    checked.push(value);
                    continue;
                }
                Err(words) => words,
            };
            self.problems
                .add(item.span().start, format!("{key}: {words}"));
        }
        (checked.len() == items.len()).then_some(checked)
    }

    /// A table of strings by name, at least one, such as `{ anna = "..", night = ".." }`; each
    /// with a check of its own. In the order of the names.
    pub(crate) fn table<T>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<BTreeMap<String, T>> {
        let value = self.get(key)?;
        let items = value.get_ref().as_table().filter(|items| !items.is_empty());
        let Some(items) = items else {
            self.problem(
                key,
                "must be a table with something in it: { name = \"..\" }",
            );
            return None;
        };
        let mut checked = BTreeMap::new();
        for (name, item) in items {
            match check(item.get_ref().as_str().unwrap_or_default()) {
                Ok(value) => {
                    checked.insert(name.get_ref().to_string(), value);
                }
                Err(words) => {
                    let words = format!("{key}: {}: {words}", name.get_ref());
                    self.problems.add(item.span().start, words);
                }
            }
        }
        (checked.len() == items.len()).then_some(checked)
    }

    /// A file's text, relative to the configuration's folder. `None` without a problem when the
    /// key is not there, or when this channel is not resolved.
    pub(crate) fn file(&mut self, key: &str) -> Option<String> {
        let file = self.text(key)?;
        if !self.resolved {
            return None;
        }
        self.read(key, file)
    }

    /// A path, relative to the configuration's folder.
    pub(crate) fn beside(&self, path: &std::path::Path) -> std::path::PathBuf {
        self.problems.folder().join(path)
    }

    pub(super) fn read(&mut self, key: &str, file: &str) -> Option<String> {
        let read = fs::read_to_string(self.problems.folder().join(file));
        if let Err(error) = &read {
            self.problem(
                key,
                &format!("names {file:?}, which cannot be read: {error}"),
            );
        }
        read.ok()
    }

    /// Notes every key that nobody asked for.
    pub(crate) fn finish(self) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !self.known.contains(name) {
                let known: Vec<_> = self.known.iter().map(String::as_str).collect();
                let known = known.join(", ");
                let words = format!("{name:?} is not known to this sink; it knows: {known}");
                self.problems.add(key.span().start, words);
            }
        }
    }
}
