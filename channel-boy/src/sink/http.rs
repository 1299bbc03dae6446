//! What the sinks over HTTP have in common: one exchange, and what can be known when it fails.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS; an HTTP/2 stream that the server refused | not taken |
//! | no answer in time, a connection lost after the first byte | unknown |
//! | an answer | for the sink to judge, by its status and body |

use std::{
    error::Error as _,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use reqwest::{
    Certificate, Client, RequestBuilder, Response, Url, header::RETRY_AFTER, redirect, retry,
};

use super::{Answer, Threshold};
use crate::{config::Section, wording::one_line};

/// What is read of an answer: providers' answers are short.
const LONGEST_BODY: usize = 256 * 1024;
/// A connection is used again only while alerts come fast: one that was idle for longer may be
/// one that the receiver is just closing, and what is lost on it would be in doubt.
const IDLE: Duration = Duration::from_millis(500);
/// Connections that wait for the next alert.
const MOST_IDLE: usize = 64;
/// An HTTP/2 connection is kept, and asked this often whether it still stands.
const PING: Duration = Duration::from_secs(20);

/// The version of HTTP that a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Any,
    /// HTTP/2 and nothing else, over one connection that is kept.
    Two,
}

/// A client for one provider.
pub(super) struct Http {
    pub(super) client: Client,
    timeout: Duration,
}

/// A provider's answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// What Retry-After says.
    pub(super) after: Option<Duration>,
    /// Empty when it broke off.
    pub(super) body: Vec<u8>,
}

impl Http {
    /// Reads the keys `timeout` and `ca_file`.
    pub(super) fn build(section: &mut Section<'_>, version: Version) -> Option<Self> {
        let timeout = section
            .duration("timeout")
            .unwrap_or(Duration::from_secs(30));
        let ca = section.file("ca_file");
        // The client takes the process's own cryptography; what is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("aldebaran-channel-boy/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none()) // a POST goes where it was told to go
            .no_proxy()
            .retry(retry::never()) // one attempt is one request
            .connect_timeout(timeout)
            .timeout(timeout.saturating_mul(2));
        builder = match version {
            Version::Any => builder
                .pool_max_idle_per_host(MOST_IDLE)
                .pool_idle_timeout(IDLE),
            Version::Two => builder
                .http2_prior_knowledge()
                .http2_keep_alive_interval(PING)
                .http2_keep_alive_timeout(PING)
                .http2_keep_alive_while_idle(true),
        };
        for certificate in certificates(section, ca.as_deref())? {
            builder = builder.add_root_certificate(certificate);
        }
        match builder.build() {
            Ok(client) => Some(Self { client, timeout }),
            Err(error) => {
                section.problem("sink", &format!("cannot be set up: {}", words(&error)));
                None
            }
        }
    }

    /// One exchange. The threshold is crossed before it: reqwest tells what failed to connect
    /// from what failed later.
    ///
    /// # Errors
    /// What an exchange without an answer amounts to.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        threshold: &Threshold,
    ) -> Result<Reply, Answer> {
        threshold.cross();
        match request.send().await {
            Ok(response) => Ok(Reply::read(response).await),
            Err(error) if error.is_connect() || error.is_builder() || was_refused(&error) => {
                Err(Answer::not_taken(words(&error)))
            }
            Err(error) => Err(Answer::Unknown(words(&error))),
        }
    }

    /// `timeout` to connect, and as much again to be answered.
    pub(super) fn longest(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }
}

impl Reply {
    async fn read(mut response: Response) -> Self {
        let header = response.headers().get(RETRY_AFTER);
        let after = header
            .and_then(|value| value.to_str().ok())
            .and_then(|text| pause(text, SystemTime::now()));
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // The status is known already: what breaks off from here on leaves it as it is.
        while let Ok(Some(chunk)) = response.chunk().await {
            if body.len() + chunk.len() > LONGEST_BODY {
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Self {
            status,
            after,
            body,
        }
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Not taken, not before Retry-After.
    pub(super) fn not_taken(&self, why: impl Into<String>) -> Answer {
        Answer::NotTaken {
            why: why.into(),
            after: self.after,
        }
    }
}

/// A URL for a provider, by `key` or the provider's own: https, or http to this host alone
/// unless `allow_plain = true` says otherwise.
pub(super) fn url(section: &mut Section<'_>, key: &str, default: Option<&str>) -> Option<Url> {
    let text = match default {
        Some(default) => section.text(key).unwrap_or(default),
        None => section.required(key, "names where to send to")?,
    };
    let plain = section.flag("allow_plain").unwrap_or(false);
    let checked = check_url(text, true, plain);
    // Says what is wrong without repeating the URL.
    checked.map_err(|words| section.problem(key, words)).ok()
}

/// Checks a URL; `in_the_open` says that it stands in the file, where no secret may be.
pub(super) fn check_url(
    text: &str,
    in_the_open: bool,
    allow_plain: bool,
) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a URL: https://host/path")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with https://host or http://host");
    }
    if in_the_open && (url.password().is_some() || !url.username().is_empty()) {
        return Err("has credentials in it: give them by a key of their own (.._env, .._file)");
    }
    if url.scheme() == "http" && !allow_plain && !url.host_str().is_some_and(is_loopback) {
        return Err("must begin with https://, or say allow_plain = true to send in the clear");
    }
    Ok(url)
}

/// The URL with so many more parts of a path, each encoded.
pub(super) fn below(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

/// Whether what is sent there stays on this host.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn certificates(section: &mut Section<'_>, ca: Option<&str>) -> Option<Vec<Certificate>> {
    let Some(pem) = ca else {
        return Some(Vec::new());
    };
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => {
            section.problem("ca_file", "names a file without certificates in PEM form");
            None
        }
    }
}

/// `Retry-After`: seconds, or a date in any of the three forms (RFC 9110, 10.2.3 and 5.6.7).
fn pause(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits beyond 64 bits are a long time too.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The server did not look at the stream (RFC 9113, 8.7).
fn was_refused(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        let reason = cause
            .downcast_ref::<h2::Error>()
            .and_then(h2::Error::reason);
        reason == Some(h2::Reason::REFUSED_STREAM)
    })
}

/// An error with its causes on one line, without the URL, which may hold a secret.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the exchange broke off".to_owned()
    };
    for cause in causes(error) {
        words = format!("{words}: {cause}");
    }
    one_line(&words, 300)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_435_276_800);
        for (text, seconds) in [
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Fri, 26 Jun 2015 00:00:30 GMT", Some(30)),
            ("Friday, 26-Jun-15 00:00:30 GMT", Some(30)),
            ("Fri Jun 26 00:00:30 2015", Some(30)),
            ("Thu, 25 Jun 2015 00:00:30 GMT", Some(0)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_is_sent_in_the_clear_stays_on_this_host() {
        for (url, is_right) in [
            ("https://example.com/x", true),
            ("http://127.0.0.1:80/x", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://localhost.example.com/", false),
            ("http://example.com/", false),
            ("https://u:p@example.com/", false),
            ("ftp://example.com/", false),
            ("example.com", false),
        ] {
            assert_eq!(check_url(url, true, false).is_ok(), is_right, "{url}");
        }
        assert!(check_url("http://example.com/", true, true).is_ok());
        assert!(check_url("https://u:p@example.com/", false, false).is_ok());
    }

    #[test]
    fn a_part_of_a_path_stays_one() {
        let base = Url::parse("https://example.com/base/").unwrap();
        let url = below(&base, &["a/../b", "?c#"]);
        assert_eq!(url.as_str(), "https://example.com/base/a%2F..%2Fb/%3Fc%23");
    }
}
