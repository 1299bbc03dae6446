//! A message's sender, its recipient's number, and Twilio's answer to it.

use crate::{
    config::Section,
    sink::{Answer, http::Reply},
    wording::one_line,
};

/// The sender's queue is full: Twilio did not take the message.
const QUEUE_FULL: i64 = 21611;

/// Who the message comes from.
pub(super) enum Sender {
    /// A number, a short code or a name.
    From(String),
    /// A pool of them.
    Service(String),
}

impl Sender {
    /// The field of the form.
    pub(super) fn field(&self) -> (&'static str, String) {
        match self {
            Self::From(from) => ("From", from.clone()),
            Self::Service(sid) => ("MessagingServiceSid", sid.clone()),
        }
    }
}

/// Reads `from` or `messaging_service`.
pub(super) fn sender(section: &mut Section<'_>) -> Option<Sender> {
    let from = section.text("from");
    let service = section.text("messaging_service");
    match (from, service) {
        (Some(from), None) if is_number(from) || is_short_code(from) || is_name(from) => {
            Some(Sender::From(from.to_owned()))
        }
        (Some(_), None) => {
            let words = "must be a number like +4930123456, a short code, or a name of at most 11 \
                         letters and digits";
            section.problem("from", words);
            None
        }
        (None, Some(sid)) if super::is_sid(sid, "MG") => Some(Sender::Service(sid.to_owned())),
        (None, Some(_)) => {
            section.problem("messaging_service", "must be MG and 32 digits of base 16");
            None
        }
        (Some(_), Some(_)) => {
            section.problem(
                "from",
                "and messaging_service are both given: leave one out",
            );
            None
        }
        (None, None) => {
            section.missing("from or messaging_service", "names the sender");
            None
        }
    }
}

/// E.164: a plus and up to 15 digits.
pub(super) fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_short_code(text: &str) -> bool {
    (3..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
    text.len() <= 11
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// What Twilio's answer means.
pub(super) fn judge(reply: &Reply) -> Answer {
    let body = reply.json();
    let code = body["code"].as_i64().or(body["error_code"].as_i64());
    let words = words(reply.status, code, body["message"].as_str());
    match reply.status {
        200..=299 => {
            let (sid, state) = (body["sid"].as_str(), body["status"].as_str());
            match (sid, state) {
                (Some(_), Some("failed" | "undelivered" | "canceled")) => Answer::Refused(words),
                (Some(sid), state) => {
                    let state = one_line(state.unwrap_or("accepted"), 20);
                    Answer::Delivered(format!("{} {state}", one_line(sid, 40)))
                }
                (None, _) => Answer::Unknown(format!("{words}, without a message's sid")),
            }
        }
        401 | 403 | 429 => reply.not_taken(words),
        400 if code == Some(QUEUE_FULL) => reply.not_taken(words),
        503 if reply.after.is_some() => reply.not_taken(words),
        408 => Answer::Unknown(words),
        400..=499 => Answer::Refused(words),
        _ => Answer::Unknown(words),
    }
}

fn words(status: u16, code: Option<i64>, message: Option<&str>) -> String {
    let code = code.map_or(String::new(), |code| format!(", code {code}"));
    let message = message.map_or(String::new(), |m| format!(": {}", one_line(m, 200)));
    format!("answered {status}{code}{message}")
}
