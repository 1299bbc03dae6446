//! One channel's keys, read one by one: each look-up checks its value and notes its problem,
//! so that one pass finds them all.

use std::{collections::BTreeSet, fs, ops::RangeInclusive, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Problems, Secret};

/// The keys of one channel.
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    /// Whether this is the channel that will run: only its secrets and files are read.
    chosen: bool,
    known: BTreeSet<String>,
    problems: &'a mut Problems,
}

impl<'a> Section<'a> {
    /// `at` is the offset of its heading.
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        at: usize,
        chosen: bool,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            table,
            at,
            chosen,
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
        let word = self.text(key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word);
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            self.problem(key, &format!("is {word:?}; it may be one of: {names}"));
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
        let Some(value) = self.get(key) else {
            self.missing(key, words);
            return None;
        };
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

    /// Whether a secret is given, by either key.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.has(&format!("{name}_env")) || self.has(&format!("{name}_file"))
    }

    /// A secret, by `<name>_env` (the name of a variable) or `<name>_file`. `None` without a
    /// problem when neither is there, or when another channel is the one that will run.
    pub(crate) fn secret(&mut self, name: &str) -> Option<Secret> {
        let (by_env, by_file) = (format!("{name}_env"), format!("{name}_file"));
        if self.has(name) {
            self.known.insert(name.to_owned());
            let words = format!("does not belong into this file: use {by_env} or {by_file}");
            self.problem(name, &words);
        }
        let variable = self.text(&by_env);
        let file = self.text(&by_file);
        if variable.is_some() && file.is_some() {
            self.problem(
                &by_env,
                &format!("and {by_file} are both given: leave one out"),
            );
            return None;
        }
        if !self.chosen {
            return None;
        }
        let (key, read) = match (variable, file) {
            (Some(variable), _) => match std::env::var(variable) {
                Ok(text) => (by_env, text),
                Err(_) => {
                    // What is no variable's name may be the secret itself, put in the wrong place.
                    let fault = if is_variable_name(variable) {
                        format!("names {variable:?}, which is not set (or is no text)")
                    } else {
                        "must be the name of a variable of the environment, such as \
                         ALDEBARAN_PASSWORD, and not the secret itself"
                            .to_owned()
                    };
                    self.problem(&by_env, &fault);
                    return None;
                }
            },
            (_, Some(file)) => (by_file.clone(), self.read(&by_file, file)?),
            _ => return None,
        };
        let secret = Secret::new(&read);
        if secret.is_none() {
            self.problem(
                &key,
                "names a secret that is empty or has more than one line",
            );
        }
        secret
    }

    /// A file's text, relative to the configuration's folder. `None` without a problem when the
    /// key is not there, or when another channel is the one that will run.
    pub(crate) fn file(&mut self, key: &str) -> Option<String> {
        let file = self.text(key)?;
        if !self.chosen {
            return None;
        }
        self.read(key, file)
    }

    /// A path, relative to the configuration's folder.
    pub(crate) fn beside(&self, path: &std::path::Path) -> std::path::PathBuf {
        self.problems.folder().join(path)
    }

    fn read(&mut self, key: &str, file: &str) -> Option<String> {
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
/// Whether it is written as names of variables are: capitals, digits and underscores.
fn is_variable_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_uppercase())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
