//! NRDP: a form over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{Answer, CheckResult, Section, Threshold};
use crate::{
    config::Secret,
    sink::http::{self, Http, Reply, Request, Speaks},
    wording::one_line,
};

/// An NRDP server.
pub(super) struct Nrdp {
    http: Http,
    url: Url,
    token: Secret,
}

pub(super) fn build(section: &mut Section<'_>) -> Option<Nrdp> {
    let url = http::url(section, "url", None);
    let token = section.required_secret("token", "is one of NRDP's authorized tokens");
    let http = Http::build(section, Speaks::Any)?;
    Some(Nrdp {
        http,
        url: url?,
        token: token?,
    })
}

impl Nrdp {
    pub(super) async fn send(&self, result: &CheckResult, threshold: &Threshold) -> Answer {
        let data = check_results(result).to_string();
        let form = [
            ("token", self.token.reveal()),
            ("cmd", "submitcheck"),
            ("JSONDATA", &data),
        ];
        let request = Request::post(self.url.clone()).form(&form);
        match self.http.deliver(request, threshold).await {
            Ok(reply) => judge(&reply),
            Err(answer) => answer,
        }
    }

    pub(super) fn longest(&self) -> Duration {
        self.http.longest()
    }

    pub(super) fn longest_approach(&self) -> Duration {
        self.http.longest_approach()
    }
}

fn check_results(result: &CheckResult) -> Value {
    json!({"checkresults": [{
        "checkresult": {"type": "service", "checktype": "1"},
        "hostname": result.host,
        "servicename": result.service,
        "state": result.state.to_string(),
        "output": result.output,
        "time": result.time_s.to_string(),
    }]})
}

fn judge(reply: &Reply) -> Answer {
    let body = reply.json();
    let result = &body["result"];
    let message = one_line(result["message"].as_str().unwrap_or_default(), 100);
    let answered = format!("answered {}", reply.status);
    // Some servers write the number as a string.
    let status = match &result["status"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    match (reply.status, status) {
        (200, Some(0)) => Answer::Delivered(format!("status 0 {message}")),
        // Of the configuration, there or here, and not of this alert.
        (200, Some(_)) if message.to_ascii_uppercase().contains("TOKEN") => {
            Answer::not_taken(message)
        }
        (200, Some(status)) => Answer::Refused(format!("status {status} {message}")),
        (401 | 403, _) => Answer::not_taken(answered),
        (429, _) => reply.not_taken(answered),
        (503, _) if reply.after.is_some() => reply.not_taken(answered),
        (408, _) => Answer::Unknown(answered),
        (400..=499, _) => Answer::Refused(answered),
        _ => Answer::Unknown(answered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, after: Option<u64>, body: &str) -> Reply {
        Reply {
            status,
            after: after.map(Duration::from_secs),
            body: body.into(),
        }
    }

    #[test]
    fn each_answer_means_what_the_table_says() {
        let ok = r#"{"result":{"status":0,"message":"OK"}}"#;
        let text = r#"{ "result" : { "status" : "0", "message" : "OK" } }"#;
        let token = r#"{"result":{"status":-1,"message":"BAD TOKEN"}}"#;
        let bad = r#"{"result":{"status":-1,"message":"BAD JSON"}}"#;
        for (status, after, body, wanted) in [
            (200, None, ok, "delivered"),
            (200, None, text, "delivered"),
            (200, None, token, "not taken"),
            (200, None, bad, "refused"),
            (200, None, "<html>", "unknown"),
            (200, None, "", "unknown"),
            (204, None, ok, "unknown"),
            (302, None, "", "unknown"),
            (401, None, "", "not taken"),
            (403, None, "", "not taken"),
            (404, None, "", "refused"),
            (408, None, "", "unknown"),
            (429, None, "", "not taken"),
            (500, None, ok, "unknown"),
            (503, None, "", "unknown"),
            (503, Some(9), "", "not taken"),
        ] {
            let answer = judge(&reply(status, after, body));
            assert_eq!(answer.word(), wanted, "{status} {body}: {answer:?}");
        }
        let Answer::NotTaken { after, .. } = judge(&reply(429, Some(9), "")) else {
            panic!("429 is not taken");
        };
        assert_eq!(after, Some(Duration::from_secs(9)));
    }
}
