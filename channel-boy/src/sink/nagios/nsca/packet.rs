//! The one packet of NSCA: fields of fixed size, a checksum, and a mask.

use ring::rand::{SecureRandom, SystemRandom};

use super::CheckResult;

/// What the server sends first: 128 bytes to mask with, and its time.
pub(super) const GREETING: usize = IV + 4;
const IV: usize = 128;

/// Bytes of a packet, and where its fields are: version, padding, checksum, time, state, host,
/// service, output, padding.
pub(super) const PACKET: usize = 4304;
const VERSION: usize = 0;
const CHECKSUM: usize = 4;
const TIME: usize = 8;
const STATE: usize = 12;
const HOST: std::ops::Range<usize> = 14..78;
const SERVICE: std::ops::Range<usize> = 78..206;
const OUTPUT: std::ops::Range<usize> = 206..4302;

/// A packet that lacks the server's time, the checksum and the mask.
pub(super) struct Packet([u8; PACKET]);

impl Packet {
    /// Takes a result. An output that is too long is cut; a name is not, since it would be
    /// another's.
    pub(super) fn new(result: &CheckResult) -> Result<Self, String> {
        let mut bytes = [0; PACKET];
        // What no field fills is noise, as send_nsca has it: zeros would show the mask.
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| "no random numbers".to_owned())?;
        bytes[VERSION..VERSION + 4].copy_from_slice(&[0, 3, 0, 0]);
        bytes[STATE..STATE + 2].copy_from_slice(&u16::from(result.state).to_be_bytes());
        for (field, text, what) in [
            (HOST, &result.host, "host"),
            (SERVICE, &result.service, "service"),
        ] {
            if text.len() >= field.len() {
                let (has, most) = (text.len(), field.len() - 1);
                return Err(format!(
                    "the {what}'s name has {has} bytes; NSCA takes {most}"
                ));
            }
            put(&mut bytes[field], text);
        }
        let mut output = result.output.as_str();
        while output.len() >= OUTPUT.len() {
            output = &output[..output.char_indices().next_back().map_or(0, |(at, _)| at)];
        }
        put(&mut bytes[OUTPUT], output);
        Ok(Self(bytes))
    }

    /// As it goes out, after the server's greeting; masked unless `password` is `None`.
    pub(super) fn sealed(
        mut self,
        greeting: &[u8; GREETING],
        password: Option<&[u8]>,
    ) -> [u8; PACKET] {
        let bytes = &mut self.0;
        bytes[TIME..TIME + 4].copy_from_slice(&greeting[IV..]);
        bytes[CHECKSUM..CHECKSUM + 4].fill(0);
        let checksum = crc32(bytes);
        bytes[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum.to_be_bytes());
        if let Some(password) = password {
            mask(bytes, &greeting[..IV]);
            mask(bytes, password);
        }
        self.0
    }
}

/// A field's text, the zero that ends it, and noise up to the end of the field.
fn put(field: &mut [u8], text: &str) {
    field[..text.len()].copy_from_slice(text.as_bytes());
    field[text.len()] = 0;
}

/// XOR with a key, over and over.
fn mask(bytes: &mut [u8], key: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// CRC-32 (ISO-HDLC, as in zip), bit by bit: four kilobytes an alert.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let feed = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(!0, feed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(host: &str, service: &str, output: &str) -> CheckResult {
        CheckResult {
            host: host.to_owned(),
            service: service.to_owned(),
            state: 2,
            output: output.to_owned(),
            time_s: 0,
        }
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// Reads a packet as a server does.
    fn opened(mut bytes: [u8; PACKET], greeting: &[u8], password: &[u8]) -> Vec<String> {
        mask(&mut bytes, &greeting[..IV]);
        mask(&mut bytes, password);
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((bytes[0], bytes[1]), (0, 3));
        let (checksum, time, state) = (word(4), word(8), bytes[13]);
        bytes[4..8].fill(0);
        assert_eq!(checksum, crc32(&bytes));
        assert_eq!((time, state), (1_435_276_800, 2));
        let text = |field: &[u8]| {
            let end = field.iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(field[..end].to_vec()).unwrap()
        };
        vec![
            text(&bytes[HOST]),
            text(&bytes[SERVICE]),
            text(&bytes[OUTPUT]),
        ]
    }

    fn greeting(iv: &[u8]) -> [u8; GREETING] {
        let mut greeting = [0; GREETING];
        greeting[..IV].copy_from_slice(iv);
        greeting[IV..].copy_from_slice(&1_435_276_800_u32.to_be_bytes());
        greeting
    }

    proptest! {
        #[test]
        fn a_server_reads_what_was_written(
            host in "\\PC{0,15}", service in "\\PC{0,31}", output in "\\PC{0,1500}",
            iv in proptest::collection::vec(any::<u8>(), IV), password in "\\PC{0,20}",
        ) {
            let greeting = greeting(&iv);
            let packet = Packet::new(&result(&host, &service, &output)).unwrap();
            let bytes = packet.sealed(&greeting, Some(password.as_bytes()));
            let read = opened(bytes, &greeting, password.as_bytes());
            prop_assert_eq!(&read[..2], &[host, service][..]);
            prop_assert!(output.starts_with(&read[2]) && read[2].len() >= output.len().min(4092));
        }
    }

    #[test]
    fn a_name_is_never_cut() {
        assert!(Packet::new(&result(&"h".repeat(63), &"s".repeat(127), "")).is_ok());
        for (host, service) in [(64, 1), (1, 128)] {
            let packet = Packet::new(&result(&"h".repeat(host), &"s".repeat(service), ""));
            assert!(packet.is_err_and(|words| words.contains("NSCA takes")));
        }
    }

    #[test]
    fn what_no_field_fills_hides_the_password() {
        let bytes = Packet::new(&result("h", "s", "o")).unwrap();
        let bytes = bytes.sealed(&greeting(&[0; IV]), Some(b"hunter2hunter2"));
        assert!(!bytes.windows(14).any(|part| part == b"hunter2hunter2"));
    }
}
