//! Ids as books keep them.

/// A UUID, in two halves: they fit registers, and what is put together in memory byte by byte has
/// to be waited for when it is read as a whole.
pub(crate) type Uuid = [u64; 2];

/// An id of an order or a purchase, compared byte for byte. A UUID in its canonical lower-case
/// form, which is what nearly all ids are, takes 16 bytes and no allocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Uuid(Uuid),
    Text(Box<str>),
}

impl Id {
    /// The id `text`, of which `uuid` is [`uuid_of`].
    pub(crate) fn new(text: &str, uuid: Option<Uuid>) -> Self {
        uuid.map_or_else(|| Id::Text(text.into()), Id::Uuid)
    }

    /// Whether it is the id `text`, of which `uuid` is [`uuid_of`].
    pub(crate) fn is(&self, text: &str, uuid: Option<&Uuid>) -> bool {
        match (self, uuid) {
            (Id::Uuid(own), Some(uuid)) => own == uuid,
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
            Id::Uuid(uuid) => uuid_text(uuid),
            Id::Text(text) => text.to_string(),
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The UUID that is written here as RFC 9562 has it, in lower case; anything else, upper case
/// included, is `None`, because it would not come out as it went in. This runs for each id.
#[inline]
pub(crate) fn uuid_of(text: &str) -> Option<Uuid> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let four = |at: usize| -> u64 {
        let [a, b, c, d] = [text[at], text[at + 1], text[at + 2], text[at + 3]];
        u32::from_le_bytes([a, b, c, d]).into()
    };
    let eight = |one: usize, other: usize| four(one) | four(other) << 32;
    let (first, is_first) = packed(eight(0, 4));
    let (second, is_second) = packed(eight(9, 14));
    let (third, is_third) = packed(eight(19, 24));
    let (fourth, is_fourth) = packed(eight(28, 32));
    let is_dashed =
        (text[8] == b'-') & (text[13] == b'-') & (text[18] == b'-') & (text[23] == b'-');
    let begin = u64::from(first) | u64::from(second) << 32;
    let end = u64::from(third) | u64::from(fourth) << 32;
    (is_first & is_second & is_third & is_fourth & is_dashed).then_some([begin, end])
}

/// The four bytes that eight hexadecimal digits stand for, the first in the lowest byte in either,
/// and whether they are such digits, in lower case.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the upper half is what was moved to the lower"
)]
fn packed(digits: u64) -> (u32, bool) {
    const ONES: u64 = u64::MAX / 255;
    const fn each(byte: u8) -> u64 {
        ONES * byte as u64
    }
    // A bit tells letters, 0x61 to 0x66, from 0x30 to 0x39.
    let values = (digits & each(0x0f)) + ((digits >> 6) & ONES) * 9;
    // Whatever is no digit is not what its value is written as.
    let is_letter = ((values + each(0x80 - 10)) >> 7) & ONES;
    let written = values + each(b'0') + is_letter * u64::from(b'a' - b'0' - 10);
    let is_hex = (written == digits) & (values & each(0xf0) == 0);
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((quads | quads >> 16) as u32, is_hex)
}

fn uuid_text(uuid: &Uuid) -> String {
    let mut text = String::with_capacity(36);
    let bytes = uuid.iter().flat_map(|half| half.to_le_bytes());
    for (position, byte) in bytes.enumerate() {
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
            "0123abcd-4567-4eef-8123-456789abcdé",
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
