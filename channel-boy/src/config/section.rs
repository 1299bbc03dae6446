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

use super::{Problems, Secret};

/// The keys of one channel.
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    /// Whether its secrets and files are read.
    resolved: bool,
    known: BTreeSet<String>,
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

    /// Whether a secret is given, by either key.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.has(&format!("{name}_env")) || self.has(&format!("{name}_file"))
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

    /// A secret of one line that must be there; `None` without a problem when this channel is
    /// not resolved.
    pub(crate) fn required_secret(&mut self, name: &str, words: &str) -> Option<Secret> {
        if !self.has_secret(name) && !self.has(name) {
            self.missing(&format!("{name}_env or {name}_file"), words);
        }
        self.secret(name)
    }

    /// A secret of one line, by `<name>_env` (the name of a variable) or `<name>_file`. `None`
    /// without a problem when neither is there, or when this channel is not resolved.
    pub(crate) fn secret(&mut self, name: &str) -> Option<Secret> {
        let (key, read) = self.read_secret(name)?;
        let secret = Secret::new(&read);
        if secret.is_none() {
            self.problem(
                &key,
                "names a secret that is empty or has more than one line",
            );
        }
        secret
    }

    /// The same for a key or an account in a text of many lines (PEM, JSON), made into what it
    /// stands for.
    pub(crate) fn secret_text<T>(
        &mut self,
        name: &str,
        make: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let (key, read) = self.read_secret(name)?;
        make(&read).map_err(|words| self.problem(&key, words)).ok()
    }

    /// The key that named the secret, and its text.
    fn read_secret(&mut self, name: &str) -> Option<(String, String)> {
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
        if !self.resolved {
            return None;
        }
        match (variable, file) {
            (Some(variable), _) => match std::env::var(variable) {
                Ok(text) => Some((by_env, text)),
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
                    None
                }
            },
            (_, Some(file)) => Some((by_file.clone(), self.read(&by_file, file)?)),
            _ => None,
        }
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
