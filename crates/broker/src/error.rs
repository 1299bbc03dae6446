//! What a broker can answer.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

/// The TLS library's words for the certificate of an authority that is not trusted, or of one
/// that only has a trusted one's name. They are all that comes through the client library.
const STRANGERS: [&str; 2] = [
    "invalid peer certificate: UnknownIssuer",
    "invalid peer certificate: BadSignature",
];

/// What went wrong, by what a caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No connection, or the connection or channel is gone: connect again.
    #[error("reach the broker: {0}")]
    Lost(String),
    /// The broker ended a consumer: its queue was deleted, or moved to another node.
    #[error("go on consuming {0}: the queue was deleted, or its leader moved")]
    Cancelled(String),
    /// Wrong credentials or missing permissions: somebody must change them.
    #[error("get access: {0}")]
    Denied(String),
    /// What was named does not exist.
    #[error("find it on the broker: {0}")]
    Missing(String),
    /// It exists with other properties, or the broker cannot do what was asked.
    #[error("agree with the broker: {0}")]
    Conflict(String),
    /// A confirm came back negative: the queue did not take the message.
    #[error("publish: the broker refused the message")]
    Refused,
    /// No queue is bound for the message.
    #[error(
        "publish to exchange {exchange:?} with key {routing_key:?}: the broker returned the message: {reply}"
    )]
    Returned {
        /// Where to.
        exchange: String,
        /// With which key.
        routing_key: String,
        /// The broker's words.
        reply: String,
    },
    /// A name longer than AMQP allows; the start of it.
    #[error("use the name {0:?}..: it is longer than 255 bytes")]
    Name(String),
    /// Anything else that the protocol knows.
    #[error("talk to the broker: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether a new connection may mend it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Error::Lost(_))
    }

    /// Whether the broker shows a certificate of an authority that is not trusted here.
    #[must_use]
    pub fn is_of_a_stranger(&self) -> bool {
        let Error::Lost(words) = self else {
            return false;
        };
        STRANGERS.iter().any(|stranger| words.contains(stranger))
    }

    /// Whether the same message may be published again on the same channel.
    #[must_use]
    pub fn is_unpublished(&self) -> bool {
        matches!(self, Error::Refused | Error::Returned { .. })
    }
}

impl From<lapin::Error> for Error {
    fn from(error: lapin::Error) -> Self {
        let amqp = match error.kind() {
            ErrorKind::ProtocolError(amqp) => amqp,
            ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => {
                return Error::Protocol("what answers there does not speak AMQP 0-9-1".to_owned());
            }
            _ => return Error::Lost(error.to_string()),
        };
        let words = amqp.get_message().to_string();
        match amqp.kind() {
            // It does exist: its node, or its leader, is not up yet.
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
                if words.contains("is down or inaccessible") =>
            {
                Error::Lost(words)
            }
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Error::Missing(words),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Error::Denied(words),
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Error::Conflict(words),
            // The broker shuts down, or an operator closed the connection.
            AMQPErrorKind::Hard(AMQPHardError::CONNECTIONFORCED) => Error::Lost(words),
            // 530: a vhost that is not there, or not up yet.
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if words.contains("not found") => {
                Error::Denied(words)
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if words.contains("refused") => {
                Error::Denied(words)
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INTERNALERROR) => {
                Error::Lost(words)
            }
            _ => Error::Protocol(words),
        }
    }
}
