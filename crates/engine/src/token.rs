//! Progress tokens: who holds a shard's token owns the shard, what it says is where to resume.

use serde::{Deserialize, Serialize};

use crate::machine::Needed;

/// The version of the format.
const VERSION: u32 = 1;

/// What former owners achieved. All of it saves work; nothing of it is needed for correctness.
///
/// Each claim is about the log in which the message of `read` stands, and that message alone
/// shows whether it is this log. So the claims of two tokens are never mixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Token {
    /// How often the log turned out to be another one than the token's. What tokens of a former
    /// log say is void.
    pub generation: u64,
    /// Where a new owner begins to read; the start of the log if nobody knows.
    pub resume: Option<Needed>,
    /// All effects of messages up to this offset are published and confirmed.
    pub emitted_offset: Option<u64>,
    /// The last message read, and a mark by which to recognise it: its own time, or a print of
    /// its body if it carries none. Without it the rest is not believed.
    pub read: Option<(u64, i64)>,
    /// Offsets and the log time reached there, ascending.
    pub marks: Vec<(u64, i64)>,
}

/// Why bytes are no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not the JSON of a token.
    #[error("read the progress token: {0}")]
    Format(#[from] serde_json::Error),
    /// A version that this program does not know.
    #[error("read the progress token: its version {0} is not {VERSION}")]
    Version(u32),
    /// Its check sum says that it was changed.
    #[error("read the progress token: its check sum does not fit")]
    Damaged,
}

/// A token as it is written.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    /// Left out while the log is the first one, so that former tokens stay as they were.
    #[serde(default, skip_serializing_if = "is_zero")]
    generation: u64,
    resume_offset: Option<u64>,
    resume_log_us: Option<i64>,
    emitted_offset: Option<u64>,
    read_offset: Option<u64>,
    read_time_us: Option<i64>,
    marks: Vec<(u64, i64)>,
    #[serde(default)]
    check: String,
}

impl Token {
    /// One JSON object, with a check sum.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut wire = Wire {
            version: VERSION,
            generation: self.generation,
            resume_offset: self.resume.map(|resume| resume.offset),
            resume_log_us: self.resume.map(|resume| resume.log_us),
            emitted_offset: self.emitted_offset,
            read_offset: self.read.map(|(offset, _)| offset),
            read_time_us: self.read.map(|(_, mark)| mark),
            marks: self.marks.clone(),
            check: String::new(),
        };
        wire.check = check(&wire);
        // Integers and strings always serialise.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads what [`Token::to_json`] wrote.
    ///
    /// # Errors
    /// [`TokenError`] when it is something else, or was changed since.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut wire: Wire = serde_json::from_slice(bytes)?;
        if wire.version != VERSION {
            return Err(TokenError::Version(wire.version));
        }
        if std::mem::take(&mut wire.check) != check(&wire) {
            return Err(TokenError::Damaged);
        }
        let Some(read) = wire.read_offset.zip(wire.read_time_us) else {
            return Ok(Token {
                generation: wire.generation,
                ..Token::default()
            });
        };
        Ok(Token {
            generation: wire.generation,
            resume: wire
                .resume_offset
                .zip(wire.resume_log_us)
                .map(|(offset, log_us)| Needed { offset, log_us }),
            emitted_offset: wire.emitted_offset,
            read: Some(read),
            marks: wire.marks,
        })
    }

    /// The token to begin with when the log is another one than this token's: it says nothing,
    /// and voids what else is about.
    #[must_use]
    pub fn of_the_next_log(&self) -> Token {
        Token {
            generation: self.generation.saturating_add(1),
            ..Token::default()
        }
    }

    /// Whether it is to be believed rather than another one: it speaks of a newer log, or of a
    /// later message of the same, or says that more effects are out.
    ///
    /// Two tokens of one generation may still speak of two logs, when all tokens of the newer log
    /// were lost. Therefore one is taken whole and the other dropped: which of them is wrong
    /// shows at the message that it says was read, and nothing else would show it.
    #[must_use]
    pub fn knows_more_than(&self, other: &Token) -> bool {
        let known = |token: &Token| {
            let read = token.read.map(|(offset, _)| offset);
            (token.generation, read, token.emitted_offset)
        };
        known(self) > known(other)
    }

    /// Whether it says nothing: the first token of a shard, or one that replaces a lost one.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        *self == Token::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(generation: &u64) -> bool {
    *generation == 0
}

/// Finds accidents, not forgery: whoever may write to a progress queue is trusted.
fn check(wire: &Wire) -> String {
    // Integers and strings always serialise.
    let bytes = serde_json::to_vec(wire).unwrap_or_default();
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(resume: u64, emitted: u64, read: u64) -> Token {
        Token {
            generation: 0,
            resume: Some(Needed {
                offset: resume,
                log_us: 5,
            }),
            emitted_offset: Some(emitted),
            read: Some((read, -7)),
            marks: vec![(1, 2), (read, 4)],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for token in [Token::default(), token(1, 2, 3)] {
            assert_eq!(Token::from_json(&token.to_json()).unwrap(), token);
        }
        assert!(Token::default().is_blank() && !token(1, 2, 3).is_blank());
    }

    #[test]
    fn a_changed_token_is_found_out() {
        let text = String::from_utf8(token(1, 12, 30).to_json()).unwrap();
        for (from, to) in [
            ("12", "13"),
            ("30", "31"),
            ("-7", "null"),
            ("[1,2]", "[1,3]"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(matches!(
                Token::from_json(changed.as_bytes()),
                Err(TokenError::Damaged)
            ));
        }
        assert!(matches!(
            Token::from_json(b"hello"),
            Err(TokenError::Format(_))
        ));
        let other = text.replacen("\"version\":1", "\"version\":2", 1);
        assert!(matches!(
            Token::from_json(other.as_bytes()),
            Err(TokenError::Version(2))
        ));
    }

    #[test]
    fn the_later_message_decides_and_then_what_is_out() {
        assert!(token(1, 10, 40).knows_more_than(&token(5, 20, 30)));
        assert!(token(1, 20, 40).knows_more_than(&token(1, 10, 40)));
        assert!(token(1, 2, 3).knows_more_than(&Token::default()));
        assert!(!token(1, 2, 3).knows_more_than(&token(1, 2, 3)));
        assert!(!Token::default().knows_more_than(&Token::default()));
    }

    #[test]
    fn a_token_of_a_former_log_is_void() {
        let next = token(5, 10, 40).of_the_next_log();
        assert!(next.knows_more_than(&token(5, 10, 40)));
        assert_eq!(Token::from_json(&next.to_json()).unwrap(), next);
    }

    #[test]
    fn what_cannot_be_verified_is_not_believed() {
        let unread = Token {
            read: None,
            ..token(5, 10, 40)
        };
        assert!(Token::from_json(&unread.to_json()).unwrap().is_blank());
    }
}
