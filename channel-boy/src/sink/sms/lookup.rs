//! Asking Twilio whether it took a message. Changes nothing there.

use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Iso8601};

use url::Url;

use super::{Sms, message::Sender};
use crate::{
    sink::{
        Letter, Proof,
        http::{Request, below},
    },
    wording::one_line,
};

/// Messages on a page, and pages that are read: a list that is longer proves nothing.
const PAGE: &str = "200";
const PAGES: usize = 10;

/// Lists what went to the recipient on the day of the first attempt and after, and looks for the
/// very text.
pub(super) async fn ask(sms: &Sms, letter: &Letter<'_>) -> Proof {
    let wanted = sms.text(&letter.named());
    let mut next = Some(first(sms, letter));
    for _ in 0..PAGES {
        let Some(url) = next else {
            return Proof::None("Twilio lists no such message".to_owned());
        };
        let request = Request::get(url).basic_auth(&sms.user, sms.token.reveal());
        let page = match sms.http.ask(request).await {
            Ok(reply) if reply.status == 200 => reply.json(),
            Ok(reply) => return Proof::None(format!("Twilio answered {}", reply.status)),
            Err(why) => return Proof::None(format!("Twilio gave no answer: {why}")),
        };
        let messages = page["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let found = messages.iter().find(|m| is_it(m, letter, &wanted));
        if let Some(message) = found {
            let word = |key: &str| one_line(message[key].as_str().unwrap_or("?"), 40);
            return Proof::Taken(format!("{} {}", word("sid"), word("status")));
        }
        // Relative to the host that was asked: the next page never leads elsewhere.
        let path = page["next_page_uri"]
            .as_str()
            .filter(|path| path.starts_with('/'));
        next = path.and_then(|path| sms.messages.join(path).ok());
        next = next.filter(|url| url.origin() == sms.messages.origin());
    }
    Proof::None("Twilio lists too many messages to read".to_owned())
}

fn first(sms: &Sms, letter: &Letter<'_>) -> Url {
    let mut url = below(&sms.messages, &[]);
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("To", letter.recipient);
        if let Sender::From(from) = &sms.sender {
            query.append_pair("From", from);
        }
        query.append_pair("DateSent>", &day(letter.first_try_ms));
        query.append_pair("PageSize", PAGE);
    }
    url
}

/// The day in UTC, one earlier: clocks differ.
fn day(time_ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time_ms.div_euclid(1000));
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH) - Duration::DAY;
    time.date().format(&Iso8601::DATE).unwrap_or_default()
}

/// The same recipient and the same text; a trial account writes its own words before ours. What
/// failed there was taken, and reached nobody: no proof.
fn is_it(message: &Value, letter: &Letter<'_>, wanted: &str) -> bool {
    let has = |key: &str| message[key].as_str().unwrap_or_default();
    has("to") == letter.recipient
        && has("body").ends_with(wanted)
        && !matches!(has("status"), "failed" | "undelivered" | "canceled")
}
