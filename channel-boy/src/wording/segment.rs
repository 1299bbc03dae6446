//! How many segments a text message takes (3GPP TS 23.038): 160 characters of the GSM alphabet
//! in one, or 70 of any other; 153 and 67 in each of several.

/// GSM's own alphabet. What needs an escape counts twice.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const ESCAPED: &str = "^{}\\[~]|€\u{c}";

/// The segments that the text takes; 0 for none at all.
pub(crate) fn segments(text: &str) -> usize {
    let units: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (units, whole, part) = match units {
        Some(units) => (units, 160, 153),
        None => (text.chars().map(char::len_utf16).collect(), 70, 67),
    };
    match units.iter().sum() {
        0 => 0,
        length if length <= whole => 1,
        _ => parts(&units, part),
    }
}

/// `None` for what is beyond GSM.
fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else {
        ESCAPED.contains(c).then_some(2)
    }
}

/// A character that takes two units is never split between two parts.
fn parts(units: &[usize], size: usize) -> usize {
    let (mut parts, mut filled) = (1, 0);
    for unit in units {
        if filled + unit > size {
            (parts, filled) = (parts + 1, 0);
        }
        filled += unit;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_standard() {
        for (text, wanted) in [
            (String::new(), 0),
            ("x".repeat(160), 1),
            ("x".repeat(161), 2),
            ("x".repeat(306), 2),
            ("x".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 76 euros fill 152 of 153: the next one does not fit into what is left.
            ("€".repeat(153), 3),
            ("é".repeat(160), 1),
            ("ê".repeat(70), 1),
            ("ê".repeat(71), 2),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
            ("😀".repeat(67), 3),
        ] {
            assert_eq!(segments(&text), wanted, "{text}");
        }
        assert_eq!(BASIC.chars().count(), 127, "128 without the escape");
        assert_eq!(ESCAPED.chars().count(), 10);
    }
}
