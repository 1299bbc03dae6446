//! Ids as books keep them.

/// An id of an order or a purchase, compared byte for byte. A UUID in its canonical lower-case
/// form, which is what nearly all ids are, takes 16 bytes and no allocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl Id {
    /// The id `text`, of which `uuid` is [`uuid_of`].
    pub(crate) fn new(text: &str, uuid: Option<[u8; 16]>) -> Self {
        uuid.map_or_else(|| Id::Text(text.into()), Id::Uuid)
    }

    /// Whether it is the id `text`, of which `uuid` is [`uuid_of`].
    pub(crate) fn is(&self, text: &str, uuid: Option<&[u8; 16]>) -> bool {
        match (self, uuid) {
            (Id::Uuid(bytes), Some(uuid)) => bytes == uuid,
            (Id::Text(own), None) => **own == *text,
            _ => false,
        }
    }

    /// The bytes that it holds elsewhere.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Id::Uuid(_) => 0,
            Id::Text(text) => text.len(),
        }
    }

    /// Reads what tells whether it is another id.
    pub(crate) fn touch(&self) -> usize {
        match self {
            Id::Uuid([first, ..]) => usize::from(*first),
            Id::Text(text) => text.len(),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Id::Uuid(bytes) => uuid_text(bytes),
            Id::Text(text) => text.to_string(),
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The 16 bytes of a UUID written as RFC 9562 has it, in lower case; anything else, upper case
/// included, is `None`, because it would not come out as it went in.
pub(crate) fn uuid_of(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&text[..8]);
    digits[8..12].copy_from_slice(&text[9..13]);
    digits[12..16].copy_from_slice(&text[14..18]);
    digits[16..20].copy_from_slice(&text[19..23]);
    digits[20..].copy_from_slice(&text[24..]);
    // This runs for each id. Neither loop ends early nor looks anything up, so that the compiler
    // makes them take 16 bytes at once.
    let mut seen = 0;
    for digit in &mut digits {
        *digit = value_of(*digit);
        seen |= *digit;
    }
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
        *byte = high << 4 | low;
    }
    let is_dashed = DASHES_AT.iter().all(|at| text[*at] == b'-');
    (is_dashed && seen < 16).then_some(bytes)
}

/// Where in a UUID's text the dashes are.
const DASHES_AT: [usize; 4] = [8, 13, 18, 23];

/// The value of a lower-case hexadecimal digit; has a high bit for all other bytes.
fn value_of(hex: u8) -> u8 {
    let decimal = hex.wrapping_sub(b'0');
    let letter = hex.wrapping_sub(b'a');
    if decimal < 10 {
        decimal
    } else if letter < 6 {
        letter + 10
    } else {
        0xff
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(
                HEX.get(usize::from(nibble))
                    .map_or('0', |hex| char::from(*hex)),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_uuid_is_16_bytes() {
        let text = "0123abcd-4567-4eef-8123-456789abcdef";
        let id = Id::new(text, uuid_of(text));
        assert!(matches!(id, Id::Uuid(_)));
        assert_eq!(id.text(), text);
    }

    #[test]
    fn any_other_text_stays_as_it_is() {
        for text in [
            "",
            "1",
            "0123ABCD-4567-4eef-8123-456789abcdef",
            "0123abcd-4567-4eef-8123-456789abcdeg",
            "0123abcd04567-4eef-8123-456789abcdef",
            "{123abcd-4567-4eef-8123-456789abcdef",
            "0123abcd-4567-4eef-8123-456789abcdéf",
        ] {
            let id = Id::new(text, uuid_of(text));
            assert!(matches!(&id, Id::Text(own) if **own == *text));
            assert_eq!(id.text(), text);
            assert!(id.is(text, uuid_of(text).as_ref()));
        }
    }

    #[test]
    fn each_character_of_a_uuid_matters() {
        let text = "0123abcd-4567-4eef-8123-456789abcdef";
        for place in 0..text.len() {
            for byte in 0..=0x7f {
                let mut other = text.as_bytes().to_vec();
                other[place] = byte;
                let other = String::from_utf8(other).unwrap();
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let may_be = match text.as_bytes()[place] {
                    b'-' => byte == b'-',
                    _ => is_digit,
                };
                assert_eq!(uuid_of(&other).is_some(), may_be, "{other}");
                assert_eq!(Id::new(&other, uuid_of(&other)).text(), other);
            }
        }
    }
}
