//! The comments of a file that is written anew.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::source::Lines;

/// What stands above comments whose objects are gone.
const ORPHANED: &str = "# Of what is no longer described:";

/// The names that lead to a key or a table of a file.
type Path = Vec<String>;

/// Where the keys and tables of a file stand, and what in it is text, where a `#` is just that.
#[derive(Default)]
struct Map {
    /// Of each line that has one, the innermost key or table that begins there, and the line in
    /// which it ends.
    by_line: BTreeMap<u32, (Path, u32)>,
    texts: Vec<Range<usize>>,
}

/// Where a comment belongs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Top,
    At(Path),
    End,
    /// Under [`ORPHANED`] already.
    Gone,
}

/// The text `new` with the comments of `old`, which it replaces: each above the key or table that
/// it stood at, those of what `new` does not have at the end. What [`super::export`] wrote into
/// `old` by itself is not taken over. An `old` that is no TOML has nothing to keep.
pub fn keep_comments(old: &str, new: &str) -> String {
    let mut kept: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for (place, comment) in comments(old) {
        kept.entry(place).or_default().push(comment);
    }
    let there = Map::of(new).unwrap_or_default();
    let mut out = String::with_capacity(new.len() + 80);
    let put = |comments: Option<Vec<&str>>, out: &mut String| {
        for comment in comments.into_iter().flatten() {
            out.push_str(comment);
            out.push('\n');
        }
    };
    for (line, text) in (1..).zip(new.split_inclusive('\n')) {
        if let Some((path, _)) = there.by_line.get(&line) {
            put(kept.remove(&Place::At(path.clone())), &mut out);
        }
        out.push_str(text);
        if line == 1 {
            put(kept.remove(&Place::Top), &mut out);
        }
    }
    let end = kept.remove(&Place::End);
    if !kept.is_empty() {
        out.push_str(&format!("\n{ORPHANED}\n"));
        kept.into_values()
            .for_each(|gone| put(Some(gone), &mut out));
    }
    put(end, &mut out);
    out
}

/// The comments of a file, in order, each without what stands before it on its line.
fn comments(text: &str) -> Vec<(Place, &str)> {
    let Some(map) = Map::of(text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut begins = 0;
    let head = head(text);
    let mut gone = false;
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let hash = content
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| !map.is_text(begins + at));
        begins += content.len();
        let Some((before, comment)) = hash.and_then(|at| content.split_at_checked(at)) else {
            continue;
        };
        let comment = comment.trim_end();
        if !is_our_own(comment) {
            let place = if gone {
                Place::Gone
            } else if line <= head {
                Place::Top
            } else {
                map.place(line, !before.trim().is_empty())
            };
            found.push((place, comment));
        }
        gone |= comment == ORPHANED;
    }
    found
}

/// How many lines at the top are comments that an empty line parts from the rest.
fn head(text: &str) -> u32 {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    let count = lines.count();
    let parted = text.lines().nth(count).is_none_or(str::is_empty);
    if parted {
        u32::try_from(count).unwrap_or(u32::MAX)
    } else {
        0
    }
}

fn is_our_own(comment: &str) -> bool {
    let header = comment.starts_with("# The topology of ") && comment.ends_with("by `declare`.");
    header || comment.starts_with("# Left out: ") || comment == ORPHANED
}

impl Map {
    /// Nothing when the text is no TOML.
    fn of(text: &str) -> Option<Self> {
        let table = DeTable::parse(text).ok()?;
        let mut map = Self::default();
        map.table(table.get_ref(), text, &Lines::of(text), &mut Vec::new());
        map.texts.sort_by_key(|range| range.start);
        Some(map)
    }

    fn table(&mut self, table: &DeTable<'_>, text: &str, lines: &Lines, path: &mut Path) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.texts.push(key.span());
            let line = lines.line(key.span().start);
            let inline = text.as_bytes().get(value.span().start) == Some(&b'{');
            let inner = match value.get_ref() {
                DeValue::Table(inner) if !inline => Some(inner),
                _ => None,
            };
            let end = if inner.is_some() {
                line
            } else {
                lines.line(value.span().end.saturating_sub(1))
            };
            let known = self.by_line.get(&line).map_or(0, |(path, _)| path.len());
            if path.len() > known {
                self.by_line.insert(line, (path.clone(), end));
            }
            match inner {
                Some(inner) => self.table(inner, text, lines, path),
                None => self.texts_of(value),
            }
            path.pop();
        }
    }

    fn texts_of(&mut self, value: &toml::Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::String(_) => self.texts.push(value.span()),
            DeValue::Array(items) => items.iter().for_each(|item| self.texts_of(item)),
            DeValue::Table(table) => {
                for (key, value) in table {
                    self.texts.push(key.span());
                    self.texts_of(value);
                }
            }
            _ => {}
        }
    }

    fn is_text(&self, at: usize) -> bool {
        let before = self.texts.partition_point(|range| range.start <= at);
        let last = before.checked_sub(1).and_then(|last| self.texts.get(last));
        last.is_some_and(|range| range.contains(&at))
    }

    /// A comment behind something, or within it, belongs to that; another to what comes next.
    fn place(&self, line: u32, behind: bool) -> Place {
        let before = self.by_line.range(..=line).next_back();
        if let Some((_, (path, end))) = before
            && (behind || line <= *end)
        {
            return Place::At(path.clone());
        }
        let next = self.by_line.range(line..).next();
        next.map_or(Place::End, |(_, (path, _))| Place::At(path.clone()))
    }
}
