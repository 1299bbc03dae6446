//! What the sinks over HTTP have in common: one exchange, and what can be known when it fails.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS; an HTTP/2 stream that the server refused | not taken |
//! | it is cut off before the connection stands | not taken |
//! | no answer in time, a connection lost after the first byte | unknown |
//! | an answer | for the sink to judge, by its status and body |

mod lines;
mod request;

use std::{
    error::Error,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http_body_util::BodyExt;
use hyper::{Response, body::Incoming, header::RETRY_AFTER};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::timeout;
use url::Url;

use self::lines::Lines;
pub(super) use self::request::Request;
use super::{Answer, Threshold};
use crate::{config::Section, wording::one_line};

/// What is read of an answer: providers' answers are short.
const LONGEST_BODY: usize = 256 * 1024;

/// The versions of HTTP that a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1, or under TLS also HTTP/2.
    Any,
    /// HTTP/2 and nothing else.
    Two,
}

/// A client for one provider.
pub(super) struct Http {
    lines: Lines,
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
    pub(super) fn build(section: &mut Section<'_>, speaks: Speaks) -> Option<Self> {
        let timeout = section
            .duration("timeout")
            .unwrap_or(Duration::from_secs(30));
        let ca = section.file("ca_file");
        let tls = match tls(ca.as_deref()) {
            Ok(tls) => tls,
            Err((key, words)) => {
                section.problem(key, &words);
                return None;
            }
        };
        Some(Self {
            lines: Lines::new(speaks, timeout, tls),
            timeout,
        })
    }

    /// Hands a letter over: one exchange, which begins when the connection stands.
    ///
    /// # Errors
    /// What an exchange without an answer amounts to.
    pub(super) async fn deliver(
        &self,
        request: Request,
        threshold: &Threshold,
    ) -> Result<Reply, Answer> {
        let url = request.url().clone();
        let mut line = match timeout(self.timeout, self.lines.line(&url)).await {
            Ok(line) => line.map_err(Answer::not_taken)?,
            Err(_) => return Err(Answer::not_taken("no connection in time")),
        };
        let request = line.form(request).map_err(Answer::not_taken)?;
        threshold.begin().await?.cross();
        let answered = async {
            let response = line.send(request).await.map_err(|error| {
                let why = words("the exchange broke off", &error);
                match was_refused(&error) {
                    true => Answer::not_taken(why),
                    false => Answer::Unknown(why),
                }
            })?;
            Ok(Reply::read(response).await)
        };
        let (reply, is_whole) = timeout(self.timeout, answered)
            .await
            .unwrap_or_else(|_| Err(Answer::Unknown("no answer in time".to_owned())))?;
        if is_whole {
            self.lines.give_back(&url, line);
        }
        Ok(reply)
    }

    /// Asks for something that is no letter.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn ask(&self, request: Request) -> Result<Reply, String> {
        let exchange = self.deliver(request, &Threshold::quiet()).await;
        exchange.map_err(|answer| answer.why().to_owned())
    }

    /// How many letters to this URL could go at once.
    pub(super) fn ready(&self, url: &Url) -> usize {
        self.lines.ready(url)
    }

    /// `timeout` to connect, and as much again to be answered.
    pub(super) fn longest(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    pub(super) fn longest_approach(&self) -> Duration {
        self.timeout
    }
}

impl Reply {
    /// Reads an answer; says whether all of it came, so that the connection is free again.
    async fn read(response: Response<Incoming>) -> (Self, bool) {
        let header = response.headers().get(RETRY_AFTER);
        let after = header
            .and_then(|value| value.to_str().ok())
            .and_then(|text| pause(text, SystemTime::now()));
        let status = response.status().as_u16();
        let mut rest = response.into_body();
        let mut body = Vec::new();
        // The status is known already: what breaks off from here on leaves it as it is.
        let is_whole = loop {
            match rest.frame().await {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    if body.len() + chunk.len() > LONGEST_BODY {
                        body.clear();
                        break false;
                    }
                    body.extend_from_slice(&chunk);
                }
            }
        };
        let reply = Self {
            status,
            after,
            body,
        };
        (reply, is_whole)
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

/// Trusts the system's authorities and those of a `ca_file`.
///
/// # Errors
/// The key that is at fault, and words for it.
fn tls(ca: Option<&str>) -> Result<ClientConfig, (&'static str, String)> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let own = read.unwrap_or_default();
        let wanted = own.len();
        if wanted == 0 || roots.add_parsable_certificates(own).0 < wanted {
            let words = "names a file without certificates in PEM form";
            return Err(("ca_file", words.to_owned()));
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| ("sink", format!("cannot be set up: {error}")))
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
fn was_refused(error: &hyper::Error) -> bool {
    causes(error).any(|cause| {
        let reason = cause
            .downcast_ref::<h2::Error>()
            .and_then(h2::Error::reason);
        reason == Some(h2::Reason::REFUSED_STREAM)
    })
}

/// What happened, and an error with its causes, on one line. No URL is in them, which may hold a
/// secret: nobody below knows it.
fn words(what: &str, error: &dyn Error) -> String {
    let causes = causes(error).map(|cause| format!(": {cause}"));
    one_line(
        &format!("{what}: {error}{}", causes.collect::<String>()),
        300,
    )
}

fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
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
