//! Who is spoken to over HTTP, known by the path, and what each of them says.

mod push;
mod twilio;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};
use hyper::Version;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use self::push::Push;

/// What to say.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// What is thought of a request.
pub(crate) enum Verdict {
    /// It delivers something: this is said once it is accepted.
    Take(Reply),
    /// It does not, or is wrong.
    Answer(Reply),
}

/// All providers.
pub(crate) struct Providers {
    push: Push,
    /// What Twilio took: its form.
    texts: Mutex<Vec<twilio::Text>>,
}

impl Providers {
    /// With the senders' public keys, which lie in `folder`.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        Ok(Self {
            push: Push::of(folder)?,
            texts: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn judge(&self, parts: &Parts, body: &str) -> Verdict {
        let path = parts.uri.path();
        let judged = if path.ends_with("/Messages.json") {
            let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            twilio::judge(parts, body, &texts)
        } else if path.contains("/3/device/") {
            self.push.apns(parts, body)
        } else if path == "/token" {
            self.push.grant(parts, body)
        } else if path.ends_with("/messages:send") {
            self.push.fcm(parts, body)
        } else if path.ends_with("/nrdp/") {
            nrdp(body)
        } else if path.ends_with("/v1/actions/process-check-result") {
            icinga2(parts, body)
        } else {
            webhook(parts)
        };
        judged.unwrap_or_else(|error| {
            let mut reply = Reply::failure(400);
            reply.body = json!({"reason": format!("{error:#}")}).to_string();
            Verdict::Answer(reply)
        })
    }

    /// What was accepted, for those that can be asked.
    pub(crate) fn remember(&self, parts: &Parts, body: &str) {
        if parts.uri.path().ends_with("/Messages.json") {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            let text = twilio::Text::of(texts.len(), body);
            texts.push(text);
        }
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// In the words of all providers at once.
    pub(crate) fn failure(status: u16) -> Self {
        let (code, reason) = match status {
            429 => (20429, "TooManyRequests"),
            400 => (21211, "BadDeviceToken"),
            _ => (20500, "InternalServerError"),
        };
        let error = json!({"code": status, "status": reason, "message": reason});
        let body = json!({"code": code, "message": reason, "more_info": "", "status": status,
                          "reason": reason, "error": error});
        let mut reply = Self::json(status, &body);
        if status == 429 {
            reply.headers.push(("retry-after", "1".to_owned()));
        }
        reply
    }
}

/// The value of a header, or nothing.
fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    let value = parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The fields of a form, decoded.
fn form(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits: String = rest.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&digits, 16).unwrap_or(b'?')
                }
                other => other,
            });
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// A field of a form.
fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = form.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}

fn nrdp(body: &str) -> Result<Verdict> {
    let form = form(body);
    let mut status = json!({"status": 0, "message": "OK"});
    let results: Value =
        serde_json::from_str(field(&form, "JSONDATA").unwrap_or_default()).unwrap_or_default();
    let check = &results["checkresults"][0];
    ensure!(field(&form, "cmd") == Some("submitcheck"), "cmd");
    ensure!(check["checkresult"]["type"] == "service", "type");
    for key in ["hostname", "servicename", "state", "output"] {
        ensure!(!check[key].is_null(), "{key} is missing");
    }
    if field(&form, "token").is_none_or(str::is_empty) {
        status = json!({"status": -1, "message": "NO TOKEN"});
        return Ok(Verdict::Answer(Reply::json(
            200,
            &json!({"result": status}),
        )));
    }
    status["meta"] = json!({"output": "1 checks processed."});
    Ok(Verdict::Take(Reply::json(200, &json!({"result": status}))))
}

fn icinga2(parts: &Parts, body: &str) -> Result<Verdict> {
    if !header(parts, "authorization").starts_with("Basic ") {
        return Ok(Verdict::Answer(Reply::failure(401)));
    }
    ensure!(header(parts, "accept") == "application/json", "accept");
    let action: Value = serde_json::from_str(body)?;
    ensure!(action["type"] == "Service", "type");
    for key in ["exit_status", "plugin_output"] {
        ensure!(!action[key].is_null(), "{key} is missing");
    }
    let words = "Successfully processed check result for object 'host!service'.";
    let results = json!({"results": [{"code": 200.0, "status": words}]});
    Ok(Verdict::Take(Reply::json(200, &results)))
}

fn webhook(parts: &Parts) -> Result<Verdict> {
    ensure!(!header(parts, "idempotency-key").is_empty(), "no key");
    ensure!(parts.version <= Version::HTTP_2, "version");
    Ok(Verdict::Take(Reply::json(200, &json!({}))))
}
