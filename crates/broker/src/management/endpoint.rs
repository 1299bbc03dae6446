//! Where a management API is.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lapin::uri::AMQPScheme;
use reqwest::{Certificate, Client, Url, redirect};

use super::ManagementError;
use crate::{Endpoint, Identity};

/// The ports of a broker that nobody configured: AMQP and what belongs to it over HTTP.
const USUAL_PORTS: [(AMQPScheme, u16, &str, u16); 2] = [
    (AMQPScheme::AMQP, 5672, "http", 15672),
    (AMQPScheme::AMQPS, 5671, "https", 15671),
];

/// A management API's address with credentials and trust. Its `Display` shows no password.
#[derive(Clone)]
pub struct ManagementEndpoint {
    pub(super) url: Url,
    pub(super) user: String,
    pub(super) password: String,
    ca_pem: Option<String>,
    identity: Option<Identity>,
    timeout: Duration,
}

impl ManagementEndpoint {
    /// Takes a URL (`http[s]://user:password@host:port/prefix`). What it does not say of user
    /// and password is the AMQP endpoint's, and so is the trust.
    ///
    /// # Errors
    /// When it is no such URL; the password is never repeated.
    pub fn parse(url: &str, amqp: &Endpoint, timeout: Duration) -> Result<Self, ManagementError> {
        let wrong = |fault: &str| {
            ManagementError::Url(format!(
                "it is not of the form http://user:password@host:port or https://..: {fault}"
            ))
        };
        let mut url = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("it must begin with http://HOST or https://HOST"));
        }
        let userinfo = &amqp.uri.authority.userinfo;
        let said = |text: &str| percent_decoded(text).ok_or_else(|| wrong("user or password"));
        let user = match url.username() {
            "" => userinfo.username.clone(),
            user => said(user)?,
        };
        let password = match url.password() {
            None => userinfo.password.clone(),
            Some(password) => said(password)?,
        };
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| wrong("it can have no user"))?;
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self {
            url,
            user,
            password,
            ca_pem: amqp.ca_pem.clone(),
            identity: amqp.identity.clone(),
            timeout,
        })
    }

    /// The address that belongs to an AMQP endpoint on its usual port; nothing on another port,
    /// because there the management API of another broker might answer.
    #[must_use]
    pub fn beside(amqp: &Endpoint, timeout: Duration) -> Option<Self> {
        let authority = &amqp.uri.authority;
        let (_, _, scheme, port) = USUAL_PORTS
            .into_iter()
            .find(|(scheme, port, ..)| (scheme, port) == (&amqp.uri.scheme, &authority.port))?;
        let host = match authority.host.as_str() {
            address if address.contains(':') => format!("[{address}]"),
            host => host.to_owned(),
        };
        Self::parse(&format!("{scheme}://{host}:{port}"), amqp, timeout).ok()
    }

    pub(super) fn client(&self) -> Result<Client, ManagementError> {
        // The client takes the process's own cryptography; what is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("aldebaran-declare/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none()) // credentials go where they were told to go
            .no_proxy()
            .connect_timeout(self.timeout)
            .read_timeout(self.timeout);
        let wrong = |error: reqwest::Error| ManagementError::Url(error.to_string());
        if let Some(pem) = &self.ca_pem {
            for one in Certificate::from_pem_bundle(pem.as_bytes()).map_err(wrong)? {
                builder = builder.add_root_certificate(one);
            }
        }
        if let Some(own) = &self.identity {
            let mut pem = own.key.clone();
            pem.push(b'\n');
            pem.extend_from_slice(&own.certificate);
            builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(wrong)?);
        }
        builder.build().map_err(wrong)
    }

    /// The same address with a CA file of its own.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn with_ca(mut self, file: &Path) -> Result<Self, ManagementError> {
        let pem = crate::endpoint::read_pem(file);
        self.ca_pem = Some(pem.map_err(|error| ManagementError::Url(error.to_string()))?);
        Ok(self)
    }
}

/// Undoes percent-encoding.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                behind
            }
            (byte, behind) => {
                bytes.push(*byte);
                behind
            }
        };
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for ManagementEndpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        let port = self.url.port_or_known_default().unwrap_or_default();
        let path = self.url.path().trim_end_matches('/');
        write!(out, "{scheme}://{}@{host}:{port}{path}", self.user)
    }
}

impl fmt::Debug for ManagementEndpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ManagementEndpoint;
    use crate::Endpoint;

    fn amqp(url: &str) -> Endpoint {
        Endpoint::parse(url, None).unwrap()
    }

    #[test]
    fn what_the_url_leaves_out_is_the_amqp_urls_and_no_password_is_shown() {
        let amqp = amqp("amqp://ann:s3cret@h:1/v");
        let parse = |url| ManagementEndpoint::parse(url, &amqp, Duration::from_secs(1));
        let own = parse("https://bob:p%40ss@m:2/prefix/").unwrap();
        assert_eq!(own.to_string(), "https://bob@m:2/prefix");
        assert_eq!(own.password, "p@ss");
        let theirs = parse("http://m").unwrap();
        assert_eq!(format!("{theirs:?}"), "http://ann@m:80");
        assert_eq!(theirs.password, "s3cret");
        for wrong in [
            "amqp://bob:s3cret@h",
            "bob:s3cret@h",
            "http://bob:s3cret@h:x/",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn the_api_beside_a_broker_is_guessed_on_usual_ports_only() {
        let beside = |url| {
            let found = ManagementEndpoint::beside(&amqp(url), Duration::from_secs(1));
            found.map(|found| found.to_string())
        };
        assert_eq!(beside("amqp://h").as_deref(), Some("http://guest@h:15672"));
        assert_eq!(
            beside("amqps://u:p@[::1]").as_deref(),
            Some("https://u@[::1]:15671")
        );
        assert_eq!(beside("amqp://h:5673"), None);
    }
}
