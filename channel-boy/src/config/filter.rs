//! Which alerts a channel is for.

use trade::Alert;

use super::Section;

/// Every part that is given must agree; within a list, one.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    clients: Option<Vec<String>>,
    stocks: Option<Vec<String>>,
    kinds: Option<Vec<String>>,
    excess_above: Option<u64>,
}

impl Filter {
    /// Reads `only_clients`, `only_stocks`, `only_kinds` and `excess_above`.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let mut patterns = |key: &str| {
            section.optional_list(key, |text| match text {
                "" => Err("a pattern must have something in it".to_owned()),
                _ => Ok(text.to_owned()),
            })
        };
        Self {
            clients: patterns("only_clients"),
            stocks: patterns("only_stocks"),
            kinds: patterns("only_kinds"),
            excess_above: section.integer("excess_above", 0..=u64::MAX),
        }
    }

    /// Whether the channel is for this alert.
    pub(crate) fn wants(&self, alert: &Alert) -> bool {
        let agrees = |patterns: &Option<Vec<String>>, text: &str| {
            patterns
                .as_ref()
                .is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, text)))
        };
        agrees(&self.clients, &alert.client)
            && agrees(&self.stocks, &alert.stock)
            && agrees(&self.kinds, &alert.kind)
            && self
                .excess_above
                .is_none_or(|least| alert.excess > u128::from(least))
    }
}

/// `*` stands for any characters, `?` for one; all else for itself, in either case. Goes back to
/// the last star only, so that no pattern takes longer than the product of the two lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (pattern, text) = (lower(pattern), lower(text));
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sink::samples;

    /// The plain definition, exponential and obvious.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) if oracle(rest, text) => true,
            (['*', ..], [_, more @ ..]) => oracle(pattern, more),
            (['?', rest @ ..], [_, more @ ..]) => oracle(rest, more),
            ([c, rest @ ..], [d, more @ ..]) if c == d => oracle(rest, more),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_its_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), oracle(&chars(&pattern), &chars(&text)));
        }
    }

    #[test]
    fn every_part_must_agree() {
        let mut alert = samples::alert("1");
        let list = |items: &[&str]| Some(items.iter().map(|i| (*i).to_owned()).collect());
        let filter = Filter {
            clients: list(&["sen*", "Gold?"]),
            stocks: list(&["AAPL", "MSFT"]),
            kinds: None,
            excess_above: Some(19),
        };
        assert!(filter.wants(&alert));
        alert.excess = 19;
        assert!(!filter.wants(&alert), "above means more");
        alert.excess = u128::MAX;
        assert!(filter.wants(&alert));
        alert.client = "Goldman".to_owned();
        assert!(!filter.wants(&alert));
        alert.client = "GOLDx".to_owned();
        assert!(filter.wants(&alert));
        alert.stock = "AAPL2".to_owned();
        assert!(!filter.wants(&alert));
        assert!(Filter::default().wants(&alert));
    }
}
