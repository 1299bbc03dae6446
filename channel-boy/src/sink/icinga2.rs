//! Check results for Icinga 2, by its API.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS; 401, 403 (of the user, not of the alert); 429 | not taken |
//! | 503 that says that it reloads, or with Retry-After | not taken |
//! | 200, and 2xx for the one object | delivered |
//! | 404 (it knows no such host or service); any other 4xx but 408, of the one object too | refused |
//! | 408; any other answer, none, nonsense, a connection lost after the first byte | unknown |

use std::{sync::OnceLock, time::Duration};

use futures::future::BoxFuture;
use serde_json::json;
use url::Url;

use super::{
    Answer, Built, Kind, Letter, Sink, Threshold,
    http::{self, Http, Reply, Request, Speaks},
    nagios::{LARGEST_DIGEST, OUTPUT, STATES},
};
use crate::{
    config::{Secret, Section},
    wording::{Style, Template, one_line},
};

pub(crate) const KIND: Kind = Kind {
    name: "icinga2",
    build,
};

/// The recipient in the ledger: where Icinga is may change.
const RECIPIENT: &str = "icinga2";

/// The object that is meant. Its names are variables: nothing of an alert becomes a part of the
/// expression.
const FILTER: &str = "host.name == aldebaran_host && service.name == aldebaran_service";

struct Icinga2 {
    http: Http,
    action: Url,
    user: String,
    password: Secret,
    host: Template,
    service: Template,
    output: Template,
    state: u8,
    largest_digest: OnceLock<usize>,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let url = http::url(section, "url", None);
    let user = section.required("user", "is an ApiUser");
    let password = section.required_secret("password", "is the ApiUser's");
    let state = section.choice("state", &STATES).unwrap_or(2);
    for key in ["host", "service"] {
        if !section.has(key) && !section.has(&format!("{key}_file")) {
            section.missing(key, "names what Icinga shows the alert for");
        }
    }
    let host = section.template("host", Style::Nagios, "{{ client }}");
    let service = section.template("service", Style::Nagios, "{{ stock }}");
    let output = section.template("output", Style::Nagios, OUTPUT);
    let http = Http::build(section, Speaks::Any)?;
    let path = ["v1", "actions", "process-check-result"];
    Some(Built {
        sink: Box::new(Icinga2 {
            http,
            action: http::below(&url?, &path),
            user: user?.to_owned(),
            password: password?,
            host: host?,
            service: service?,
            output: output?,
            state,
            largest_digest: OnceLock::new(),
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

impl Sink for Icinga2 {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.http.deliver(self.request(letter), threshold).await {
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

    /// Alerts that go to a service each have no message in common.
    fn largest_digest(&self) -> usize {
        let count = || match self.host.is_fixed() && self.service.is_fixed() {
            true => Template::largest_digest(LARGEST_DIGEST, |alerts| self.output.render(alerts)),
            false => 1,
        };
        *self.largest_digest.get_or_init(count)
    }
}

impl Icinga2 {
    fn request(&self, letter: &Letter<'_>) -> Request {
        let alerts = letter.named();
        let output = self.output.render(&alerts);
        // What stands behind the bar is performance data, by a field of its own.
        let (output, performance) = output.split_once('|').unwrap_or((&output, ""));
        let body = json!({
            "type": "Service",
            "filter": FILTER,
            "filter_vars": {
                "aldebaran_host": self.host.render(&alerts),
                "aldebaran_service": self.service.render(&alerts),
            },
            "exit_status": self.state,
            "plugin_output": output.trim_end(),
            "performance_data": performance.split_whitespace().collect::<Vec<_>>(),
            "check_source": "aldebaran",
        });
        Request::post(self.action.clone())
            .basic_auth(&self.user, self.password.reveal())
            .header("accept", "application/json")
            .json(body.to_string())
    }
}

fn judge(reply: &Reply) -> Answer {
    let body = reply.json();
    let said = body["status"]
        .as_str()
        .or(body["results"][0]["status"].as_str());
    let said = one_line(said.unwrap_or_default(), 120);
    let words = format!("answered {} {said}", reply.status);
    let words = words.trim_end().to_owned();
    let results = body["results"].as_array().map_or(&[][..], Vec::as_slice);
    // Numbers, with a fraction of zero.
    let codes: Vec<_> = results
        .iter()
        .map(|r| r["code"].as_f64().unwrap_or(0.0))
        .collect();
    let all = |range: std::ops::Range<f64>| {
        !codes.is_empty() && codes.iter().all(|code| range.contains(code))
    };
    match reply.status {
        200 if all(200.0..300.0) => Answer::Delivered(words),
        200 if all(400.0..408.0) => Answer::Refused(words),
        401 | 403 | 429 => reply.not_taken(words),
        503 if reply.after.is_some() || said.contains("reloading") => reply.not_taken(words),
        408 => Answer::Unknown(words),
        400..=499 => Answer::Refused(words),
        _ => Answer::Unknown(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

    fn built(port: u16) -> Built {
        samples::built(&format!(
            "sink = 'icinga2'\nurl = 'http://127.0.0.1:{port}'\nuser = 'aldebaran'\n\
             password_env = 'HOME'\nhost = 'desk'\nservice = 'over {{{{ client }}}}'\n\
             timeout = '300ms'"
        ))
    }

    #[test]
    fn each_answer_means_what_the_table_says() {
        let result = |code: f64| json!({"results": [{"code": code, "status": "x"}]});
        for (status, after, body, wanted) in [
            (200, None, result(200.0), "delivered"),
            (200, None, json!({"results": []}), "unknown"),
            (200, None, json!(null), "unknown"),
            (200, None, result(403.0), "refused"),
            (200, None, result(409.0), "unknown"),
            (200, None, result(500.0), "unknown"),
            (400, None, json!({"error": 400}), "refused"),
            (401, None, json!(null), "not taken"),
            (403, None, json!(null), "not taken"),
            (
                404,
                None,
                json!({"error": 404, "status": "No objects found."}),
                "refused",
            ),
            (408, None, json!(null), "unknown"),
            (429, Some(3), json!(null), "not taken"),
            (500, None, result(500.0), "unknown"),
            (
                503,
                None,
                json!({"error": 503, "status": "Icinga is reloading."}),
                "not taken",
            ),
            (503, Some(3), json!(null), "not taken"),
            (503, None, json!(null), "unknown"),
        ] {
            let after = after.map(Duration::from_secs);
            let body = body.to_string().into_bytes();
            let answer = judge(&Reply {
                status,
                after,
                body,
            });
            assert_eq!(answer.word(), wanted, "{status}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn the_request_names_its_object_by_variables() {
        let answer = samples::answer(200, r#"{"results":[{"code":200.0,"status":"x"}]}"#);
        let (port, server) = scripted(vec![Request, answer]).await;
        let mut alert = samples::alert("1");
        alert.client = "\" || true || \"".to_owned();
        let answer = samples::send(&built(port), &alert).await;
        assert_eq!(answer.word(), "delivered", "{answer:?}");
        let heard = server.await.unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /v1/actions/process-check-result HTTP/1.1"),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["filter"], FILTER);
        let service = &body["filter_vars"]["aldebaran_service"];
        assert_eq!(service, "over \" __ true __ \"");
        let performance = ["excess=20", "purchased=120", "requested=100"];
        assert_eq!(body["performance_data"], json!(performance));
        assert_eq!(body["exit_status"], 2);
    }

    #[tokio::test]
    async fn without_an_answer_it_is_unknown() {
        for then in [vec![], vec![Hang], vec![Say("HTTP/1.1 2")]] {
            let mut turns: Vec<Turn> = vec![Request];
            turns.extend(then);
            let (port, _server) = scripted(turns).await;
            let answer = samples::send(&built(port), &samples::alert("1")).await;
            assert_eq!(answer.word(), "unknown", "{answer:?}");
        }
        let answer = samples::send(&built(closed_port().await), &samples::alert("1")).await;
        assert_eq!(answer.word(), "not taken", "{answer:?}");
    }
}
