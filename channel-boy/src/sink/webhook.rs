//! A JSON POST with `Idempotency-Key: <alert id>`.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS | not taken |
//! | 2xx | delivered |
//! | 429; 503 with Retry-After | not taken; Retry-After is honoured |
//! | any other 4xx | refused |
//! | any other answer, no answer, a connection lost after the first byte | unknown |

use std::{error::Error as _, time::Duration};

use futures::future::BoxFuture;
use reqwest::{
    Certificate, Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{Answer, Built, Kind, Letter, Sink, Threshold};
use crate::{
    config::{Secret, Section},
    wording::one_line,
};

pub(crate) const KIND: Kind = Kind {
    name: "webhook",
    build,
};

/// The URL may hold a secret and may move; the receiver stays the same one.
const RECIPIENT: &str = "endpoint";

struct Webhook {
    client: Client,
    url: Url,
    token: Option<Secret>,
    timeout: Duration,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let plain = section.text("url");
    let hidden = section.has_secret("url");
    if plain.is_none() && !hidden && !section.has("url") {
        section.missing(
            "url",
            "names where to POST (or url_env, url_file when it holds a secret)",
        );
    }
    if plain.is_some() && hidden {
        section.problem(
            "url",
            "and url_env or url_file are both given: leave one out",
        );
    }
    let hidden = if plain.is_some() {
        None
    } else {
        section.secret("url")
    };
    let url = plain
        .or(hidden.as_ref().map(Secret::reveal))
        .and_then(|text| {
            let checked = check_url(text, plain.is_some());
            // Says what is wrong without repeating the URL.
            checked.map_err(|words| section.problem("url", words)).ok()
        });
    let token = section.secret("token");
    let timeout = section
        .duration("timeout")
        .unwrap_or(Duration::from_secs(30));
    let ca = section.file("ca_file");
    let client = client(section, ca.as_deref(), timeout)?;
    Some(Built {
        sink: Box::new(Webhook {
            client,
            url: url?,
            token,
            timeout,
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

fn check_url(text: &str, in_the_open: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a URL: https://host/path")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with https://host or http://host");
    }
    if in_the_open && (url.password().is_some() || !url.username().is_empty()) {
        return Err("has credentials in it: use token_env or token_file, or url_env, url_file");
    }
    Ok(url)
}

fn client(section: &mut Section<'_>, ca: Option<&str>, timeout: Duration) -> Option<Client> {
    // The client takes the process's own cryptography; what is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("aldebaran-channel-boy/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none()) // a POST goes where it was told to go
        .no_proxy()
        // Alerts are rare: a connection that was kept would as a rule be one that the receiver
        // is closing, and what is lost on it would be in doubt.
        .pool_max_idle_per_host(0)
        .connect_timeout(timeout)
        .timeout(timeout.saturating_mul(2));
    if let Some(pem) = ca {
        match Certificate::from_pem_bundle(pem.as_bytes()) {
            Ok(certificates) if !certificates.is_empty() => {
                for certificate in certificates {
                    builder = builder.add_root_certificate(certificate);
                }
            }
            _ => {
                section.problem("ca_file", "names a file without certificates in PEM form");
                return None;
            }
        }
    }
    match builder.build() {
        Ok(client) => Some(client),
        Err(error) => {
            section.problem("sink", &format!("cannot be set up: {}", words(&error)));
            None
        }
    }
}

impl Sink for Webhook {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let mut request = self
                .client
                .post(self.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .header("Idempotency-Key", letter.id.to_string())
                .body(letter.payload.to_vec());
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.reveal());
            }
            threshold.cross();
            match request.send().await {
                Ok(response) => classify(&response, OffsetDateTime::now_utc()),
                Err(error) if error.is_connect() => Answer::not_taken(words(&error)),
                Err(error) => Answer::Unknown(words(&error)),
            }
        })
    }

    /// `timeout` to connect, and as much again to be answered.
    fn longest_attempt(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }
}

fn classify(response: &Response, now: OffsetDateTime) -> Answer {
    let header = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|v| v.to_str().ok());
    answer(response.status(), header, now)
}

fn answer(status: StatusCode, retry_after: Option<&str>, now: OffsetDateTime) -> Answer {
    let after = retry_after.and_then(|text| pause(text, now));
    let words = format!("answered {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Answer::Delivered(words),
        429 => Answer::NotTaken { why: words, after },
        503 if after.is_some() => Answer::NotTaken { why: words, after },
        400..=499 => Answer::Refused(words),
        _ => Answer::Unknown(words),
    }
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3).
fn pause(text: &str, now: OffsetDateTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or_default())
}

/// An error with its causes on one line, without the URL.
fn words(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the exchange broke off".to_owned()
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    one_line(&words, 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_435_276_800).unwrap()
    }

    #[test]
    fn each_status_means_what_the_table_says() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (status, retry_after, wanted) in [
            (200, None, Answer::Delivered("answered 200".into())),
            (204, None, Answer::Delivered("answered 204".into())),
            (301, None, Answer::Unknown("answered 301".into())),
            (400, None, Answer::Refused("answered 400".into())),
            (404, Some("9"), Answer::Refused("answered 404".into())),
            (429, None, Answer::not_taken("answered 429")),
            (
                429,
                Some("9"),
                Answer::NotTaken {
                    why: "answered 429".into(),
                    after: seconds(9),
                },
            ),
            (500, Some("9"), Answer::Unknown("answered 500".into())),
            (503, None, Answer::Unknown("answered 503".into())),
            (503, Some("soon"), Answer::Unknown("answered 503".into())),
            (
                503,
                Some("9"),
                Answer::NotTaken {
                    why: "answered 503".into(),
                    after: seconds(9),
                },
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(answer(status, retry_after, now()), wanted);
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        assert_eq!(pause(" 120 ", now()), Some(Duration::from_secs(120)));
        let date = pause("Fri, 26 Jun 2015 00:00:30 GMT", now());
        assert_eq!(date, Some(Duration::from_secs(30)));
        let past = pause("Thu, 25 Jun 2015 00:00:30 GMT", now());
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(pause("-1", now()), None);
    }

    async fn post(then: Vec<Turn>) -> (Answer, String) {
        let mut turns = vec![Hear("}")];
        turns.extend(then);
        let (port, server) = scripted(turns).await;
        let answer = post_to(port).await;
        server.abort();
        (answer, server.await.unwrap_or_default())
    }

    async fn post_to(port: u16) -> Answer {
        let built = samples::built(&format!(
            "sink = 'webhook'\nurl = 'http://127.0.0.1:{port}/in?key=hidden'\ntimeout = '300ms'"
        ));
        assert_eq!(built.recipients, ["endpoint"]);
        samples::send(&built, &samples::alert("1")).await
    }

    #[tokio::test]
    async fn the_request_carries_alert_and_key() {
        let (port, server) = scripted(vec![Hear("}"), Say("HTTP/1.1 204 x\r\n\r\n")]).await;
        assert!(matches!(post_to(port).await, Answer::Delivered(_)));
        let heard = server.await.unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        let alert = samples::alert("1");
        assert!(head.starts_with("POST /in?key=hidden HTTP/1.1"), "{head}");
        assert!(
            head.contains(&format!("idempotency-key: {}", alert.alert_id)),
            "{head}"
        );
        assert!(head.contains("content-type: application/json"), "{head}");
        assert_eq!(body.as_bytes(), alert.to_json());
    }

    #[tokio::test]
    async fn a_request_without_an_answer_is_unknown_and_its_url_unsaid() {
        for then in [
            vec![],
            vec![Hang],
            vec![Say("HTTP/1.1 2")],
            vec![Say("what?\r\n\r\n")],
        ] {
            let (answer, _) = post(then).await;
            let Answer::Unknown(words) = &answer else {
                panic!("{answer:?}");
            };
            assert!(!words.contains("hidden"), "{words}");
        }
    }

    #[tokio::test]
    async fn no_connection_is_not_taken() {
        let answer = post_to(closed_port().await).await;
        let Answer::NotTaken { why, .. } = &answer else {
            panic!("{answer:?}");
        };
        assert!(!why.contains("hidden"), "{why}");
    }
}
