//! A secret: from the environment or a file, to the provider, and nowhere else.

use std::fmt;

use super::Section;

/// Text that no log, error or debug output shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes it as read; a file's last newline is not part of it. `None` when it is empty or
    /// holds a control character, which no header or login could carry.
    pub(crate) fn new(read: &str) -> Option<Self> {
        let text = read.strip_suffix('\n').unwrap_or(read);
        let text = text.strip_suffix('\r').unwrap_or(text);
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The text, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A URL, which may hold a secret.
pub(crate) struct Place {
    pub(crate) url: Secret,
    /// It stands in the file, where no secret may be.
    pub(crate) is_open: bool,
}

impl Section<'_> {
    /// Whether a secret is given, by either key.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.has(&format!("{name}_env")) || self.has(&format!("{name}_file"))
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

    /// Where something is: by `url`, or by `url_env` or `url_file` when that holds a secret.
    pub(crate) fn place(&mut self, words: &str) -> Option<Place> {
        let open = self.text("url");
        let is_hidden = self.has_secret("url");
        match open {
            Some(text) => {
                if is_hidden {
                    let words = "and url_env or url_file are both given: leave one out";
                    self.problem("url", words);
                }
                let url = Secret::new(text);
                if url.is_none() {
                    self.problem("url", "must be one line");
                }
                let is_open = true;
                url.map(|url| Place { url, is_open })
            }
            None if is_hidden => {
                let url = self.secret("url")?;
                Some(Place {
                    url,
                    is_open: false,
                })
            }
            None => {
                if !self.has("url") {
                    self.missing("url", words);
                }
                None
            }
        }
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
}

/// Whether it is written as names of variables are: capitals, digits and underscores.
fn is_variable_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_uppercase())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
