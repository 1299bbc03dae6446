//! What is wrong with a topology file: collected, never thrown one by one.

use std::fmt;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, an environment variable, or a flag of the command line.
    pub place: String,
    /// The line, counted from 1, when the place is a file.
    pub line: Option<u32>,
    /// What is wrong and what would be right, on one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.place, self.message),
            None => write!(out, "{}: {}", self.place, self.message),
        }
    }
}

/// Everything that is wrong with a file and its overrides, one line each when displayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
        }
    }

    pub(crate) fn at(&mut self, line: u32, message: impl Into<String>) {
        self.found.push(Problem {
            place: self.file.clone(),
            line: Some(line),
            message: message.into(),
        });
    }

    pub(crate) fn elsewhere(&mut self, place: String, message: String) {
        self.found.push(Problem {
            place,
            line: None,
            message,
        });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// The problems: those of overrides first, then those of the file by line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.found.iter()
    }

    /// Leaves one of each message of a line: a repetition says the same many times.
    pub(crate) fn once_a_line(&mut self) {
        let mut told = std::collections::BTreeSet::new();
        self.found
            .retain(|problem| told.insert((problem.line, problem.message.clone())));
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.found.sort_by_key(|problem| problem.line);
        self
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, problem) in self.found.iter().enumerate() {
            if count > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What one description repeated many times does wrong, told once.
///
/// A mistake in a description that stands for a hundred queues is one mistake.
pub(crate) struct Repeated {
    file: String,
    first: Problems,
    failing: usize,
}

impl Repeated {
    pub(crate) fn like(problems: &Problems) -> Self {
        Self {
            file: problems.file.clone(),
            first: Problems::of(&problems.file),
            failing: 0,
        }
    }

    /// Lets `check` look at one of the repeated objects; only the first that fails is told.
    pub(crate) fn one<T>(&mut self, check: impl FnOnce(&mut Problems) -> T) -> T {
        let mut found = Problems::of(&self.file);
        let result = check(&mut found);
        if !found.is_empty() {
            self.failing += 1;
            if self.failing == 1 {
                self.first = found;
            }
        }
        result
    }

    pub(crate) fn tell(self, problems: &mut Problems) {
        let more = self.failing.saturating_sub(1);
        for mut problem in self.first.found {
            if more > 0 {
                problem
                    .message
                    .push_str(&format!(" (and {more} more by repetition)"));
            }
            problems.found.push(problem);
        }
    }
}

/// A piece of the file's own text for a message: in backticks, on one line, not too long.
pub(crate) fn quote(text: &str) -> String {
    const MOST: usize = 80;
    let mut quoted = String::from("`");
    for character in text.chars().take(MOST) {
        if character.is_control() {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    if text.chars().nth(MOST).is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// ` (did you mean `this`?)` when one of the known words is near, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const LONGEST: usize = 255;
    if word.len() > LONGEST {
        return String::new();
    }
    let allowed = (word.chars().count() / 3).min(4);
    let near = known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 4 * allowed)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min();
    near.map(|(_, candidate)| format!(" (did you mean {}?)", quote(candidate)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, quote};

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(
            did_you_mean("durabel", ["type", "durable"]),
            " (did you mean `durable`?)"
        );
        assert_eq!(did_you_mean("x", ["type", "durable"]), "");
    }

    #[test]
    fn quoted_text_stays_on_one_line_and_short() {
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert!(quote(&"é".repeat(1000)).chars().count() < 90);
    }
}
