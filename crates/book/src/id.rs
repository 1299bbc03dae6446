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
    let mut bytes = [0; 16];
    // What is no digit has a high bit, and is looked for once at the end: this runs for each id.
    let mut seen = 0;
    for (byte, at) in bytes.iter_mut().zip(DIGITS_AT) {
        let (high, low) = (digit(text[at]), digit(text[at + 1]));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    let is_dashed = DASHES_AT.iter().all(|at| text[*at] == b'-');
    (is_dashed && seen < 16).then_some(bytes)
}

/// Where in a UUID's text each byte's two digits begin, and where the dashes are.
const DIGITS_AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DASHES_AT: [usize; 4] = [8, 13, 18, 23];

/// The value of each byte as a lower-case hexadecimal digit; `NO_DIGIT` for all others.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < HEX.len() {
        digits[HEX[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0xff;

fn digit(hex: u8) -> u8 {
    DIGITS[usize::from(hex)]
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
}
