//! Push notifications by Firebase Cloud Messaging, version 1.
//!
//! | what happens | outcome |
//! |---|---|
//! | no access token, no connection, no TLS | not taken |
//! | 200 with a message's `name` | delivered: Google took it |
//! | 401; 403 but SENDER_ID_MISMATCH (of the account, not of the alert); 429 | not taken |
//! | 503 with Retry-After | not taken |
//! | 403 SENDER_ID_MISMATCH; 404 (the app is gone from the device); any other 4xx but 408 | refused |
//! | 408; 500; 503; any other answer, none, a connection lost after the first byte | unknown |
//!
//! FCM knows no repeat, but the tag makes one replace the first on the screen.

mod account;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use url::Url;

use self::account::{AccessTokens, Account};
use super::{
    Answer, Built, Kind, Letter, Sink, Threshold,
    http::{self, Http, Reply, Request, Speaks},
    notification::Notification,
};
use crate::{config::Section, wording::one_line};

pub(crate) const KIND: Kind = Kind { name: "fcm", build };

const BASE_URL: &str = "https://fcm.googleapis.com";

struct Fcm {
    http: Http,
    /// `{base}/v1/projects/{project}/messages:send`
    send: Url,
    tokens: AccessTokens,
    /// Who gets it, by the names that the ledger knows.
    targets: BTreeMap<String, Target>,
    words: Notification,
    expires_after: Duration,
}

/// A device or all that follow a topic.
enum Target {
    Device(String),
    Topic(String),
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let base = http::url(section, "base_url", Some(BASE_URL));
    let token_url = match section.has("token_url") {
        true => Some(http::url(section, "token_url", None)?),
        false => None,
    };
    let account = section.secret_text("account", Account::parse);
    if !section.has_secret("account") && !section.has("account") {
        section.missing(
            "account_file or account_env",
            "is the service account's JSON file",
        );
    }
    let targets = targets(section);
    let words = Notification::read(section);
    let expires_after = section.duration("expires_after");
    let http = Http::build(section, Speaks::Any)?;
    let (account, targets) = (account?, targets?);
    let project = section
        .text("project")
        .unwrap_or(&account.project)
        .to_owned();
    let send = http::below(&base?, &["v1", "projects", &project, "messages:send"]);
    Some(Built {
        recipients: targets.keys().cloned().collect(),
        sink: Box::new(Fcm {
            http,
            send,
            tokens: AccessTokens::new(account, token_url),
            targets,
            words: words?,
            expires_after: expires_after.unwrap_or(Duration::from_secs(3600)),
        }),
    })
}

/// Reads `devices` and `topics`, at least one of them.
fn targets(section: &mut Section<'_>) -> Option<BTreeMap<String, Target>> {
    let devices = section.table("devices", |text| {
        let is_token =
            (20..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match is_token {
            true => Ok(Target::Device(text.to_owned())),
            false => Err("must be a registration token".to_owned()),
        }
    });
    let is_topic = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '%');
    let topics = section.optional_list("topics", |text| match text {
        "" => Err("a topic must have something in it".to_owned()),
        text if text.chars().all(is_topic) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} may have letters, digits and -_.~%")),
    });
    if !section.has("devices") && !section.has("topics") {
        let words = "names each device, { name = \"its token\" }, or a topic, [\"alerts\"]";
        section.missing("devices or topics", words);
        return None;
    }
    let mut targets = devices.or_else(|| (!section.has("devices")).then(BTreeMap::new))?;
    for topic in topics.or_else(|| (!section.has("topics")).then(Vec::new))? {
        targets.insert(format!("topic {topic}"), Target::Topic(topic));
    }
    Some(targets)
}

impl Sink for Fcm {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Some(target) = self.targets.get(letter.recipient) else {
                return Answer::Refused("this device is no longer in the file".to_owned());
            };
            let token = match self.tokens.current(&self.http, SystemTime::now()).await {
                Ok(token) => token,
                Err(words) => return Answer::not_taken(words),
            };
            let request = self.request(letter, target, token.reveal());
            match self.http.deliver(request, threshold).await {
                Ok(reply) => {
                    if reply.status == 401 {
                        self.tokens.forget().await;
                    }
                    judge(&reply)
                }
                Err(answer) => answer,
            }
        })
    }

    /// The access token takes an exchange of its own.
    fn longest_attempt(&self) -> Duration {
        self.http.longest().saturating_mul(2)
    }

    fn longest_approach(&self) -> Duration {
        self.http
            .longest()
            .saturating_add(self.http.longest_approach())
    }

    fn largest_digest(&self) -> usize {
        self.words.largest_digest()
    }
}

impl Fcm {
    /// The same at every attempt, but for the token that proves who we are.
    fn request(&self, letter: &Letter<'_>, target: &Target, token: &str) -> Request {
        let alerts = letter.named();
        let id = letter.id.to_string();
        let mut message = json!({
            "notification": {
                "title": self.words.title(&alerts),
                "body": self.words.body(&alerts),
            },
            "data": {"alert_id": id},
            "android": {
                "priority": "high",
                "ttl": format!("{}s", self.expires_after.as_secs()),
                "notification": {"tag": id},
            },
            "apns": {"headers": {"apns-collapse-id": id}},
            "webpush": {"notification": {"tag": id}},
        });
        match target {
            Target::Device(token) => message["token"] = token.as_str().into(),
            Target::Topic(topic) => message["topic"] = topic.as_str().into(),
        }
        Request::post(self.send.clone())
            .bearer_auth(token)
            .json(json!({ "message": message }).to_string())
    }
}

fn judge(reply: &Reply) -> Answer {
    let body = reply.json();
    let code = error_code(&body);
    let words = format!("answered {} {code}", reply.status);
    let words = words.trim_end();
    match reply.status {
        200 => match body["name"].as_str() {
            Some(name) => Answer::Delivered(one_line(name, 120)),
            None => Answer::Unknown(format!("{words}, without a message's name")),
        },
        403 if code == "SENDER_ID_MISMATCH" => Answer::Refused(words.to_owned()),
        401 | 403 | 429 => reply.not_taken(words),
        503 if reply.after.is_some() => reply.not_taken(words),
        408 => Answer::Unknown(words.to_owned()),
        400..=499 => Answer::Refused(words.to_owned()),
        _ => Answer::Unknown(words.to_owned()),
    }
}

/// FCM's own code if there is one, otherwise Google's.
fn error_code(body: &Value) -> String {
    let error = &body["error"];
    let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
    let own = details
        .iter()
        .find_map(|detail| detail["errorCode"].as_str());
    let code = own.or(error["status"].as_str()).unwrap_or_default();
    one_line(code, 60)
}

#[cfg(test)]
mod tests;
