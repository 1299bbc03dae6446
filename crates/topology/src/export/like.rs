//! What two descriptions have in common, but for one word.

use crate::{Setting, Settings};

/// How texts are cut into the tokens that may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// At the ends of numbers.
    Numbers,
    /// At dots, dashes and the like.
    Words,
}

/// The values that two descriptions have where a repetition's variable would stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) one: &'a str,
    pub(super) other: &'a str,
    pub(super) variable: &'a str,
    pub(super) cut: Cut,
}

impl Cut {
    /// The tokens of a text, in order: all of it.
    pub(super) fn tokens(self, text: &str) -> Vec<&str> {
        let class = |letter: char| match self {
            Self::Numbers => letter.is_ascii_digit(),
            Self::Words => !".-_:/ ".contains(letter),
        };
        let mut tokens = Vec::new();
        let mut start = 0;
        let mut before = None;
        for (at, letter) in text.char_indices() {
            let now = class(letter);
            if before.is_some_and(|before| before != now) {
                tokens.push(&text[start..at]);
                start = at;
            }
            before = Some(now);
        }
        if start < text.len() {
            tokens.push(&text[start..]);
        }
        tokens
    }

    /// Whether a token can be a value of a repetition.
    pub(super) fn is_value(self, token: &str) -> bool {
        match self {
            Self::Numbers => {
                let canonical = token == "0" || !token.starts_with('0');
                canonical && token.len() <= 9 && token.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Words => token
                .chars()
                .all(|letter| !".-_:/ ".contains(letter) && !letter.is_control()),
        }
    }
}

impl Pair<'_> {
    /// The text with `${variable}` wherever the two differ by exactly their values. The texts
    /// come as templates already.
    pub(super) fn text(&self, one: &str, other: &str) -> Option<String> {
        let (one, other) = (self.cut.tokens(one), self.cut.tokens(other));
        if one.len() != other.len() {
            return None;
        }
        let mut text = String::new();
        for (one, other) in one.iter().zip(other) {
            if *one == other {
                text.push_str(one);
            } else if *one == self.one && other == self.other && !text.ends_with('$') {
                text.push_str(&self.hole());
            } else {
                return None;
            }
        }
        Some(text)
    }

    /// The same for any setting; a number that is the value becomes the variable alone.
    pub(super) fn setting(&self, one: &Setting, other: &Setting) -> Option<Setting> {
        match (one, other) {
            (Setting::Text(one), Setting::Text(other)) => self.text(one, other).map(Setting::Text),
            (Setting::List(one), Setting::List(other)) if one.len() == other.len() => {
                let pairs = one.iter().zip(other);
                let list: Option<_> = pairs.map(|(a, b)| self.setting(a, b)).collect();
                list.map(Setting::List)
            }
            (Setting::Table(one), Setting::Table(other)) => {
                self.table(one, other).map(Setting::Table)
            }
            _ if one == other => Some(one.clone()),
            (Setting::Int(a), Setting::Int(b))
                if self.cut == Cut::Numbers
                    && a.to_string() == self.one
                    && b.to_string() == self.other =>
            {
                Some(Setting::Text(self.hole()))
            }
            _ => None,
        }
    }

    fn table(&self, one: &Settings, other: &Settings) -> Option<Settings> {
        if !one.keys().eq(other.keys()) {
            return None;
        }
        let entries = one.iter().zip(other.values());
        entries
            .map(|((name, a), b)| Some((name.clone(), self.setting(a, b)?)))
            .collect()
    }

    fn hole(&self) -> String {
        format!("${{{}}}", self.variable)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Pair};

    #[test]
    fn tokens_are_all_of_a_text() {
        assert_eq!(Cut::Numbers.tokens("a.12-b3"), ["a.", "12", "-b", "3"]);
        assert_eq!(Cut::Words.tokens("a.b--c"), ["a", ".", "b", "--", "c"]);
        assert!(Cut::Words.tokens("").is_empty());
    }

    #[test]
    fn only_what_differs_by_the_value_becomes_the_variable() {
        let pair = Pair {
            one: "4",
            other: "5",
            variable: "i",
            cut: Cut::Numbers,
        };
        assert_eq!(pair.text("q4.4-4", "q5.4-5").unwrap(), "q${i}.4-${i}");
        assert_eq!(pair.text("q4", "q6"), None);
        assert_eq!(pair.text("$4", "$5"), None, "it would be read as an escape");
    }
}
