//! `${name}` inside texts.

use crate::problem::quote;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// Takes a text apart. `$${` stands for the characters `${`; a `$` alone is a `$`.
///
/// Fails with a message when a `${` is left open or holds no name.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            found.extend([Piece::Literal(before), Piece::Literal("${")]);
            rest = after;
            continue;
        }
        let Some(end) = after.find('}') else {
            return Err(format!(
                "{} opens a `${{` that no `}}` closes (write `$${{` for the characters themselves)",
                quote(text)
            ));
        };
        let name = &after[..end];
        if !is_name(name) {
            return Err(format!(
                "`${{…}}` holds a variable's name, and {} is none: {NAME}",
                quote(name)
            ));
        }
        found.extend([Piece::Literal(before), Piece::Variable(name)]);
        rest = &after[end + 1..];
    }
    found.push(Piece::Literal(rest));
    found.retain(|piece| *piece != Piece::Literal(""));
    Ok(found)
}

/// What [`is_name`] asks, in words.
pub(crate) const NAME: &str = "lowercase letters, digits and `_`, a letter first";

/// Whether this can be a variable's name. Lowercase only, so that `ALDEBARAN_SET_NAME` is unambiguous.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn texts_and_variables_alternate() {
        let found = pieces("a${x}${y_1}b").unwrap();
        assert_eq!(
            found,
            [
                Piece::Literal("a"),
                Piece::Variable("x"),
                Piece::Variable("y_1"),
                Piece::Literal("b")
            ]
        );
    }

    #[test]
    fn a_doubled_dollar_is_no_variable() {
        assert_eq!(
            pieces("$${x} $5").unwrap(),
            [Piece::Literal("${"), Piece::Literal("x} $5")]
        );
        assert_eq!(
            pieces("$$${x}").unwrap(),
            [
                Piece::Literal("$"),
                Piece::Literal("${"),
                Piece::Literal("x}")
            ]
        );
    }

    #[test]
    fn open_and_nameless_variables_are_refused() {
        for wrong in ["${", "${a", "${}", "${A}", "${a b}", "${1}"] {
            assert!(pieces(wrong).is_err(), "{wrong}");
        }
    }
}
