//! A secret: from the environment or a file, to the provider, and nowhere else.

use std::fmt;

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
