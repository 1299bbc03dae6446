//! Keys of words.

/// Whether a routing key is what a topic binding's key says: `*` is one word, `#` any number of
/// words, also none. Words lie between dots; an empty key has none.
pub(super) fn matches(pattern: &str, key: &str) -> bool {
    let (pattern, key) = (words(pattern), words(key));
    // How far the pattern may have got before the first word of the key.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    skip_hashes(&pattern, &mut reached);
    for word in key {
        let mut next = vec![false; pattern.len() + 1];
        for (at, wanted) in pattern.iter().enumerate() {
            match *wanted {
                "#" if reached[at] => next[at] = true,
                "*" if reached[at] => next[at + 1] = true,
                exact if reached[at] && exact == word => next[at + 1] = true,
                _ => {}
            }
        }
        skip_hashes(&pattern, &mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

fn skip_hashes(pattern: &[&str], reached: &mut [bool]) {
    for (at, wanted) in pattern.iter().enumerate() {
        if *wanted == "#" && reached[at] {
            reached[at + 1] = true;
        }
    }
}

fn words(key: &str) -> Vec<&str> {
    if key.is_empty() {
        return Vec::new();
    }
    key.split('.').collect()
}

#[cfg(test)]
mod tests {
    use super::matches;
    use proptest::prelude::*;

    #[test]
    fn words_stars_and_hashes() {
        for (pattern, key) in [
            ("", ""),
            ("#", ""),
            ("#", "a.b"),
            ("a.#", "a"),
            ("#.a.#", "a"),
            ("*.*", "."),
            ("a.*.c", "a.b.c"),
            ("#.#", "a"),
        ] {
            assert!(matches(pattern, key), "{pattern:?} {key:?}");
        }
        for (pattern, key) in [("*", ""), ("", "a"), ("a.*", "a"), ("*", "a.b"), ("a", "A")] {
            assert!(!matches(pattern, key), "{pattern:?} {key:?}");
        }
    }

    /// Another way to say it: each `#` is some number of `*`, tried one after the other.
    fn slow(pattern: &[&str], key: &[&str]) -> bool {
        match pattern.split_first() {
            None => key.is_empty(),
            Some((&"#", rest)) => (0..=key.len()).any(|taken| slow(rest, &key[taken..])),
            Some((first, rest)) => {
                key.first()
                    .is_some_and(|word| *first == "*" || first == word)
                    && slow(rest, &key[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn as_when_every_number_of_words_is_tried(
            pattern in "[ab*#]?(\\.[ab*#]?){0,5}", key in "[ab]?(\\.[ab]?){0,6}"
        ) {
            let split = |text: &str| -> Vec<String> {
                if text.is_empty() { vec![] } else { text.split('.').map(str::to_owned).collect() }
            };
            let (wanted, words) = (split(&pattern), split(&key));
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            prop_assert_eq!(matches(&pattern, &key), slow(&wanted, &words));
        }
    }
}
