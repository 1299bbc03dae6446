//! Descriptions that differ by a number or a word become one that is repeated.

use std::collections::{BTreeMap, BTreeSet};

use super::like::{Cut, Pair};
use super::{Description, Repeat};

/// How many numbers in a row are worth a repetition, and how many words.
const LEAST_NUMBERS: usize = 2;
const LEAST_WORDS: usize = 3;

/// Words are compared each with each, so a larger group of them is left as it is.
const MOST_WORDS: usize = 1_000;

/// Folds numbers first, then words.
pub(super) fn all(descriptions: Vec<Description>) -> Vec<Description> {
    let numbers = pass(descriptions, Cut::Numbers);
    pass(numbers, Cut::Words)
}

/// A place in a name where descriptions may differ: section, what stands before, and behind.
type Place = (&'static str, String, String);

/// Where each of the descriptions stands in a place: its value there, and its index.
type Group = Vec<(String, usize)>;

fn pass(descriptions: Vec<Description>, cut: Cut) -> Vec<Description> {
    let mut groups: BTreeMap<Place, Group> = BTreeMap::new();
    for (index, one) in descriptions.iter().enumerate() {
        for (place, value) in places(one, cut) {
            groups.entry(place).or_default().push((value, index));
        }
    }
    // The largest first: it explains most.
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut left: Vec<Option<Description>> = descriptions.into_iter().map(Some).collect();
    for mut group in groups {
        if cut == Cut::Words && group.len() > MOST_WORDS {
            continue;
        }
        group.retain(|(_, index)| left[*index].is_some());
        if cut == Cut::Numbers {
            group.sort_by_key(|(value, _)| value.parse::<i64>().unwrap_or_default());
        }
        while let Some((_, at)) = group.first() {
            let at = *at;
            let (taken, template) = alike(&group, &left, cut);
            if let Some(template) = template {
                for index in &taken {
                    left[*index] = None;
                }
                // It stands where the first of them stood.
                left[at] = Some(template);
            }
            group.retain(|(_, index)| !taken.contains(index));
        }
    }
    left.into_iter().flatten().collect()
}

/// The places of a name that a repetition's variable could take.
fn places(one: &Description, cut: Cut) -> Vec<(Place, String)> {
    let (1, None) = (one.names.len(), &one.repeat) else {
        return Vec::new();
    };
    let name = &one.names[0];
    let mut at = 0;
    let mut found = Vec::new();
    for token in cut.tokens(name) {
        let (before, behind) = (&name[..at], &name[at + token.len()..]);
        at += token.len();
        // A variable that would be all of the name says nothing about what it is.
        let says_nothing = before.is_empty() && behind.is_empty();
        if cut.is_value(token) && !says_nothing && !token.contains('$') {
            let place = (one.section, before.to_owned(), behind.to_owned());
            found.push((place, token.to_owned()));
        }
    }
    found
}

/// The members of a group that are as its first, but for the value, and the description of
/// all of them when they are enough.
fn alike(
    group: &Group,
    left: &[Option<Description>],
    cut: Cut,
) -> (BTreeSet<usize>, Option<Description>) {
    let (first, start) = &group[0];
    let mut taken = BTreeSet::from([*start]);
    let mut values = vec![first.clone()];
    let Some(one) = left[*start].as_ref() else {
        return (taken, None);
    };
    let mut template: Option<Description> = None;
    for (value, index) in &group[1..] {
        let next = cut == Cut::Words || number(value) == number(&values[values.len() - 1]) + 1;
        let Some(other) = left[*index].as_ref().filter(|_| next) else {
            continue;
        };
        let pair = Pair {
            one: first,
            other: value,
            variable: variable(cut),
            cut,
        };
        let Some(found) = joined(one, other, pair) else {
            continue;
        };
        if template.as_ref().is_none_or(|known| *known == found) {
            template = Some(found);
            taken.insert(*index);
            values.push(value.clone());
        }
    }
    let least = match cut {
        Cut::Numbers => LEAST_NUMBERS,
        Cut::Words => LEAST_WORDS,
    };
    let template = template.filter(|_| values.len() >= least);
    let template = template.map(|template| Description {
        repeat: Some(match cut {
            Cut::Numbers => Repeat::Numbers(number(first), number(&values[values.len() - 1]) + 1),
            Cut::Words => Repeat::Words(values),
        }),
        ..template
    });
    (taken, template)
}

fn joined(one: &Description, other: &Description, pair: Pair<'_>) -> Option<Description> {
    let name = pair.text(&one.names[0], &other.names[0])?;
    Some(Description {
        section: one.section,
        names: vec![name],
        repeat: None,
        body: pair.setting(&one.body, &other.body)?,
    })
}

fn number(value: &str) -> i64 {
    value.parse().unwrap_or_default()
}

fn variable(cut: Cut) -> &'static str {
    match cut {
        Cut::Numbers => "i",
        Cut::Words => "name",
    }
}
