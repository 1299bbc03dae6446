//! Headers exchanges.

use crate::{Setting, Settings};

/// How `x-match` joins a binding's arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    All,
    Any,
}

/// Whether a message with these headers matches a binding with these arguments, and why.
///
/// Arguments that begin with `x-` do not count unless `x-match` ends with `-with-x`. An argument
/// without a value asks only that the header is there.
pub(super) fn matches(arguments: &Settings, headers: &Settings) -> (bool, String) {
    let mode = arguments.get("x-match").and_then(Setting::text);
    let (how, with_x) = match mode.unwrap_or("all") {
        "any" => (Match::Any, false),
        "any-with-x" => (Match::Any, true),
        "all-with-x" => (Match::All, true),
        _ => (Match::All, false),
    };
    let counts = |name: &str| name != "x-match" && (with_x || !name.starts_with("x-"));
    let mut asked = arguments.iter().filter(|(name, _)| counts(name));
    match how {
        Match::Any => match asked.find(|(name, wanted)| fits(wanted, headers.get(*name))) {
            Some((name, wanted)) => (true, format!("header {name} is {wanted}")),
            None => (false, "none of its headers is as asked".to_owned()),
        },
        Match::All => match asked.find(|(name, wanted)| !fits(wanted, headers.get(*name))) {
            Some((name, wanted)) => (false, differs(name, wanted, headers.get(name))),
            None => (true, "every header asked for is there".to_owned()),
        },
    }
}

fn fits(wanted: &Setting, header: Option<&Setting>) -> bool {
    header.is_some_and(|header| wanted == header || *wanted == Setting::Null(()))
}

fn differs(name: &str, wanted: &Setting, header: Option<&Setting>) -> String {
    match header {
        Some(header)
            if header.to_string().trim_matches('"') == wanted.to_string().trim_matches('"') =>
        {
            format!("header {name} is {header}, of another type than {wanted}")
        }
        Some(header) => format!("header {name} is {header}, not {wanted}"),
        None => format!("header {name} is missing, and {wanted} is asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use crate::{Setting, Settings};

    fn settings(pairs: &[(&str, Setting)]) -> Settings {
        let owned = |(name, setting): &(&str, Setting)| ((*name).to_owned(), setting.clone());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn all_any_and_those_with_x() {
        let (one, two) = (("a", Setting::Int(1)), ("x-b", Setting::from("t")));
        let headers = settings(std::slice::from_ref(&one));
        let asks = |mode: &str| {
            let arguments = settings(&[("x-match", Setting::from(mode)), one.clone(), two.clone()]);
            matches(&arguments, &headers).0
        };
        assert!(asks("all") && asks("any") && asks("any-with-x"));
        assert!(!asks("all-with-x"));
    }

    #[test]
    fn nothing_asked_is_all_and_never_any() {
        assert!(matches(&Settings::new(), &Settings::new()).0);
        let any = settings(&[("x-match", Setting::from("any"))]);
        assert!(!matches(&any, &settings(&[("a", Setting::Int(1))])).0);
    }

    #[test]
    fn a_number_is_no_text_and_that_is_said() {
        let asked = settings(&[("n", Setting::Int(3))]);
        let (matched, why) = matches(&asked, &settings(&[("n", Setting::from("3"))]));
        assert!(!matched && why.contains("another type"), "{why}");
        let any_value = settings(&[("n", Setting::Null(()))]);
        assert!(matches(&any_value, &settings(&[("n", Setting::Int(7))])).0);
    }
}
