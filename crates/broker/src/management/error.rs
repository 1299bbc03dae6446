//! What the management API can answer.

use std::error::Error as _;

use reqwest::StatusCode;

use super::ManagementEndpoint;

/// What went wrong, by what a caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ManagementError {
    /// Not a URL, or certificates that cannot be used. Repeats no password.
    #[error("use the management URL: {0}")]
    Url(String),
    /// Nobody answers, or not in time.
    #[error("reach the management API: {0}")]
    Unreachable(String),
    /// Wrong credentials, or the user may not do this.
    #[error("get access to the management API: {0}")]
    Denied(String),
    /// What was named does not exist, or this is no management API.
    #[error("find it by the management API: {0}")]
    Missing(String),
    /// The broker does not do what was asked. Its words.
    #[error("agree with the broker: {0}")]
    Refused(String),
    /// The broker failed by itself, or is not ready. Its words.
    #[error("get an answer of the management API: {0}")]
    Failed(String),
    /// Something that no management API answers.
    #[error("understand the management API: {0}")]
    Answer(String),
}

impl ManagementError {
    pub(super) fn unreachable(endpoint: &ManagementEndpoint, error: &reqwest::Error) -> Self {
        let mut words = if error.is_timeout() {
            "no answer in time".to_owned()
        } else if error.is_connect() {
            "no connection".to_owned()
        } else {
            "the exchange broke off".to_owned()
        };
        // The last cause is the system's own word. The error itself would repeat the URL.
        let mut cause = error.source();
        while let Some(deeper) = cause.and_then(std::error::Error::source) {
            cause = Some(deeper);
        }
        if let Some(cause) = cause {
            words = format!("{words} ({cause})");
        }
        Self::Unreachable(format!("{endpoint}: {words}"))
    }

    pub(super) fn refused(endpoint: &ManagementEndpoint, status: StatusCode, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Reason {
            reason: serde_json::Value,
        }
        let reason = match serde_json::from_slice(body) {
            Ok(Reason {
                reason: serde_json::Value::String(text),
            }) => text,
            Ok(Reason { reason }) => reason.to_string(),
            Err(_) => format!("it answered {status}"),
        };
        let reason = reason.trim().to_owned();
        let at = |reason: String| format!("{endpoint}: {reason}");
        match status.as_u16() {
            401 | 403 => Self::Denied(at(reason)),
            404 => Self::Missing(at(reason)),
            500.. => Self::Failed(at(reason)),
            300..=399 => Self::Answer(at(format!("{reason}; name the address itself"))),
            _ => Self::Refused(reason),
        }
    }

    /// Whether the same request may do better a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Failed(_))
    }
}
