//! Push notifications to Apple's devices, by APNs over HTTP/2.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS; a stream that the server refused | not taken |
//! | 200 | delivered: Apple took it |
//! | 403 (of the key, not of the alert), 429; 503 with a reason or with Retry-After | not taken |
//! | 410 (the app is gone from the device); any other 4xx but 408 | refused |
//! | 408; 500; any other answer, none, a connection lost after the first byte | unknown |
//!
//! APNs knows no repeat, but `apns-collapse-id` makes one replace the first on the screen.

mod token;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use self::token::Tokens;
use super::{
    Answer, Built, Kind, Letter, Sink, Threshold,
    http::{self, Http, Reply, Request, Speaks},
    jwt::Key,
    notification::Notification,
};
use crate::{config::Section, wording::one_line};

pub(crate) const KIND: Kind = Kind {
    name: "apns",
    build,
};

const BASE_URL: &str = "https://api.push.apple.com";

struct Apns {
    http: Http,
    base: Url,
    tokens: Tokens,
    topic: String,
    /// Device tokens by the names that the ledger knows.
    devices: BTreeMap<String, String>,
    words: Notification,
    /// For how long Apple keeps it for a device that is off.
    expires_after: Duration,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let base = http::url(section, "base_url", Some(BASE_URL));
    let key = section.secret_text("key", Key::es256);
    if !section.has_secret("key") && !section.has("key") {
        section.missing("key_file or key_env", "is the .p8 file that Apple gave");
    }
    let key_id = section.required("key_id", "names that key to Apple");
    let team = section.required("team_id", "is the team that the key belongs to");
    let topic = section.required("topic", "is the app's bundle id");
    if topic.is_some_and(|topic| !topic.chars().all(is_plain)) {
        section.problem("topic", "must be a bundle id such as com.example.alerts");
    }
    if !section.has("devices") {
        section.missing("devices", "names each device: { name = \"its token\" }");
    }
    let devices = section.table("devices", |text| {
        let is_token =
            (32..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_token {
            true => Ok(text.to_owned()),
            false => Err("must be a device token: 64 digits of base 16".to_owned()),
        }
    });
    let words = Notification::read(section);
    let expires_after = section.duration("expires_after");
    let http = Http::build(section, Speaks::Two)?;
    let devices = devices?;
    Some(Built {
        recipients: devices.keys().cloned().collect(),
        sink: Box::new(Apns {
            http,
            base: base?,
            tokens: Tokens::new(key?, key_id?, team?),
            topic: topic?.to_owned(),
            devices,
            words: words?,
            expires_after: expires_after.unwrap_or(Duration::from_secs(3600)),
        }),
    })
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

impl Sink for Apns {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Some(device) = self.devices.get(letter.recipient) else {
                return Answer::Refused("this device is no longer in the file".to_owned());
            };
            let token = match self.tokens.current(SystemTime::now()) {
                Ok(token) => token,
                Err(words) => return Answer::not_taken(words),
            };
            let request = self.request(letter, device, &token);
            match self.http.deliver(request, threshold).await {
                Ok(reply) => self.judge(&reply, SystemTime::now()),
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

    fn largest_digest(&self) -> usize {
        self.words.largest_digest()
    }
}

impl Apns {
    /// The same at every attempt, but for the token that proves who we are.
    fn request(&self, letter: &Letter<'_>, device: &str, token: &str) -> Request {
        let alerts = letter.named();
        let payload = json!({
            "aps": {
                "alert": {
                    "title": self.words.title(&alerts),
                    "body": self.words.body(&alerts),
                },
                "sound": "default",
            },
            "alert_id": letter.id,
        });
        let until = letter.created_ms.div_euclid(1000);
        let until = until.saturating_add_unsigned(self.expires_after.as_secs());
        let collapse_id = letter.id.to_string();
        // A notification each, so that Apple's word on one is not on another.
        let id = Uuid::new_v5(&letter.id, letter.recipient.as_bytes());
        Request::post(http::below(&self.base, &["3", "device", device]))
            .bearer_auth(token)
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", "10")
            .header("apns-id", &id.to_string())
            .header("apns-collapse-id", &collapse_id)
            .header("apns-expiration", &until.to_string())
            .json(payload.to_string())
    }

    fn judge(&self, reply: &Reply, now: SystemTime) -> Answer {
        let body = reply.json();
        let reason = one_line(body["reason"].as_str().unwrap_or_default(), 60);
        let words = format!("answered {} {reason}", reply.status);
        match reply.status {
            200 => Answer::Delivered(words.trim_end().to_owned()),
            403 => {
                if reason == "ExpiredProviderToken" {
                    self.tokens.expired(now);
                }
                reply.not_taken(words)
            }
            429 => reply.not_taken(words),
            503 if reply.after.is_some() || !reason.is_empty() => reply.not_taken(words),
            408 => Answer::Unknown(words),
            400..=499 => Answer::Refused(words),
            _ => Answer::Unknown(words),
        }
    }
}

#[cfg(test)]
mod tests;
