//! `[manage]`: what the file owns, so that what is not described there may be pruned.

use std::collections::BTreeMap;

use crate::Key;

/// Patterns of names by kind of object. Without any, nothing is owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub(crate) patterns: BTreeMap<&'static str, Vec<String>>,
}

impl Scope {
    /// The kinds that a file can own, as `[manage]` calls them, and as [`Key::kind`] does.
    pub(crate) const KINDS: [(&'static str, &'static str); 9] = [
        ("exchanges", "exchange"),
        ("operator-policies", "operator-policy"),
        ("parameters", "parameter"),
        ("permissions", "permission"),
        ("policies", "policy"),
        ("queues", "queue"),
        ("topic-permissions", "topic-permission"),
        ("users", "user"),
        ("vhosts", "vhost"),
    ];

    /// Whether the file owns an object, described or not. A binding belongs to what it leads to;
    /// permissions belong to their user's name, parameters to their own.
    pub fn owns(&self, key: &Key) -> bool {
        match key {
            Key::Binding(binding) => self.owns(&binding.to.key()),
            Key::Vhost(name)
            | Key::User(name)
            | Key::Permission(name)
            | Key::TopicPermission(name, _)
            | Key::Parameter(_, name)
            | Key::Policy(name)
            | Key::OperatorPolicy(name)
            | Key::Exchange(name)
            | Key::Queue(name) => self.matches(key.kind(), name),
        }
    }

    /// The kinds of object that are owned in part, as [`Key::kind`] calls them.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.patterns.keys().copied()
    }

    /// Whether nothing at all is owned.
    pub fn is_empty(&self) -> bool {
        self.patterns.values().all(Vec::is_empty)
    }

    fn matches(&self, kind: &str, name: &str) -> bool {
        let patterns = self.patterns.get(kind).map_or(&[][..], Vec::as_slice);
        patterns.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether a name is what the pattern says, in which `*` is any text, also none.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, behind)) = name.split_once(piece) else {
            return false;
        };
        name = behind;
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name) in [
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abc"),
            ("a*b*c", "axxbxbc"),
            ("a", "a"),
            ("*.*", "a.b"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a*", "ba"), ("a*a", "a"), ("a*b*c", "acb")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
