//! What is wrong with a file, all of it, by line.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Problems of one file.
#[derive(Debug)]
pub(crate) struct Problems {
    file: PathBuf,
    /// The offset at which each line starts.
    starts: Vec<usize>,
    /// Line (0: the file as a whole) and words.
    found: Vec<(usize, String)>,
    bad_syntax: bool,
}

impl Problems {
    /// None yet.
    pub(crate) fn new(file: &Path, text: &str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.to_owned(),
            starts: std::iter::once(0).chain(newlines).collect(),
            found: Vec::new(),
            bad_syntax: false,
        }
    }

    /// One, of the file as a whole.
    pub(crate) fn of_file(file: &Path, words: String) -> Self {
        Self {
            file: file.to_owned(),
            starts: Vec::new(),
            found: vec![(0, words)],
            bad_syntax: false,
        }
    }

    /// Adds one, at a byte offset of the text.
    pub(crate) fn add(&mut self, at: usize, words: impl Into<String>) {
        let line = self.starts.partition_point(|start| *start <= at);
        self.found.push((line, words.into()));
    }

    /// Adds one, of the syntax.
    pub(crate) fn add_syntax(&mut self, at: usize, words: impl Into<String>) {
        self.bad_syntax = true;
        self.add(at, words);
    }

    /// Whether the text could be read as TOML only in parts.
    pub(crate) fn has_bad_syntax(&self) -> bool {
        self.bad_syntax
    }

    /// Adds one, of the file as a whole.
    pub(crate) fn add_to_file(&mut self, words: impl Into<String>) {
        self.found.push((0, words.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The folder that relative names in the file are relative to.
    pub(crate) fn folder(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).to_owned()
    }
}

impl fmt::Display for Problems {
    /// `file:line: words`, one a line, in the order of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found: Vec<_> = self.found.iter().collect();
        found.sort();
        for (i, (line, words)) in found.into_iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:", self.file.display())?;
            if *line > 0 {
                write!(f, "{line}:")?;
            }
            write!(f, " {words}")?;
        }
        Ok(())
    }
}
