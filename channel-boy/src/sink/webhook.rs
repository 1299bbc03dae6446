//! A JSON POST with `Idempotency-Key: <alert id>`, signed as Standard Webhooks has it.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS | not taken |
//! | 2xx | delivered |
//! | 429; 503 with Retry-After | not taken; Retry-After is honoured |
//! | 408 | unknown |
//! | any other 4xx | refused |
//! | any other answer, no answer, a connection lost after the first byte | unknown |

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use futures::future::BoxFuture;
use ring::hmac;
use url::Url;

use super::{
    Answer, Built, Kind, Letter, Sink, Threshold,
    http::{self, Http, Reply, Request, Speaks},
};
use crate::{
    clock::now_ms,
    config::{Secret, Section},
};

pub(crate) const KIND: Kind = Kind {
    name: "webhook",
    build,
};

/// The URL may hold a secret and may move; the receiver stays the same one.
const RECIPIENT: &str = "endpoint";

/// Alerts in one POST: as many as fit into a megabyte at their usual size.
const LARGEST_DIGEST: usize = 1000;

/// What Standard Webhooks wants its keys to begin with, and their sizes in bytes.
const KEY_PREFIX: &str = "whsec_";
const KEY_SIZES: std::ops::RangeInclusive<usize> = 24..=64;

struct Webhook {
    http: Http,
    url: Url,
    token: Option<Secret>,
    signing_key: Option<hmac::Key>,
    idempotent: bool,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let url = url(section);
    let token = section.secret("token");
    let signs = section.has_secret("signing_key");
    let signing_key = section.secret_text("signing_key", signing_key);
    let idempotent = section.flag("idempotent").unwrap_or(false);
    let http = Http::build(section, Speaks::Any)?;
    if signs && signing_key.is_none() {
        return None;
    }
    Some(Built {
        sink: Box::new(Webhook {
            http,
            url: url?,
            token,
            signing_key,
            idempotent,
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

fn url(section: &mut Section<'_>) -> Option<Url> {
    let words = "names where to POST (or url_env, url_file when it holds a secret)";
    let place = section.place(words);
    let allow_plain = section.flag("allow_plain").unwrap_or(false);
    let place = place?;
    let checked = http::check_url(place.url.reveal(), place.is_open, allow_plain);
    // Says what is wrong without repeating the URL.
    checked.map_err(|words| section.problem("url", words)).ok()
}

/// `whsec_` and base64.
fn signing_key(text: &str) -> Result<hmac::Key, &'static str> {
    let encoded = text.trim_end().strip_prefix(KEY_PREFIX);
    let key = encoded.and_then(|encoded| BASE64.decode(encoded).ok());
    let key = key.filter(|key| KEY_SIZES.contains(&key.len()));
    let key = key.ok_or("names a key that is not whsec_ and 24 to 64 bytes in base64")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

impl Sink for Webhook {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let request = self.request(letter, now_ms().div_euclid(1000));
            match self.http.deliver(request, threshold).await {
                Ok(reply) => judge(&reply),
                Err(answer) => answer,
            }
        })
    }

    fn longest_attempt(&self) -> Duration {
        self.http.longest()
    }

    fn longest_approach(&self) -> Duration {
        self.http.longest_approach()
    }

    fn ready(&self) -> usize {
        self.http.ready(&self.url)
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    fn largest_digest(&self) -> usize {
        LARGEST_DIGEST
    }
}

impl Webhook {
    /// `now_s` is for the signature alone: receivers refuse an old one.
    fn request(&self, letter: &Letter<'_>, now_s: i64) -> Request {
        let body = body(letter);
        let id = letter.id.to_string();
        let mut request = Request::post(self.url.clone()).header("idempotency-key", &id);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(key) = &self.signing_key {
            request = request
                .header("webhook-id", &id)
                .header("webhook-timestamp", &now_s.to_string())
                .header("webhook-signature", &signature(key, &id, now_s, &body));
        }
        request.json(body)
    }
}

/// The alert as it came; of a digest, all of them in a list.
fn body(letter: &Letter<'_>) -> Vec<u8> {
    if letter.more.is_empty() {
        return letter.payload.to_vec();
    }
    let payloads: Vec<_> = letter.alerts().map(|(_, payload)| payload).collect();
    [&b"["[..], &payloads.join(&b","[..]), b"]"].concat()
}

/// `v1,<HMAC-SHA256 of id.timestamp.body>`.
fn signature(key: &hmac::Key, id: &str, now_s: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{now_s}.").as_bytes());
    context.update(body);
    format!("v1,{}", BASE64.encode(context.sign()))
}

fn judge(reply: &Reply) -> Answer {
    let words = format!("answered {}", reply.status);
    match reply.status {
        200..=299 => Answer::Delivered(words),
        429 => reply.not_taken(words),
        503 if reply.after.is_some() => reply.not_taken(words),
        408 => Answer::Unknown(words),
        400..=499 => Answer::Refused(words),
        _ => Answer::Unknown(words),
    }
}

#[cfg(test)]
mod tests;
