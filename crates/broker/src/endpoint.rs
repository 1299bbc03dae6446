//! Where a broker is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};

use crate::Error;

/// Heartbeat in seconds, unless the URL says otherwise: how long a lost host stays unnoticed.
const HEARTBEAT_S: u16 = 6;

/// How long one try to connect may take, unless told otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A broker's address with credentials and trust. Its `Display` shows neither user's password
/// nor the whole URL, so that it may stand in logs and errors.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) uri: AMQPUri,
    pub(crate) ca_pem: Option<String>,
    pub(crate) identity: Option<Identity>,
    pub(crate) timeout: Duration,
    /// Whether somebody waits for it and has said so: once for all who wait.
    pub(crate) is_awaited: Arc<AtomicBool>,
}

/// A client's own certificate and its key, both in PEM.
#[derive(Clone)]
pub struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Why a URL or a CA file names no broker.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not an AMQP URL. Does not repeat the URL, which may hold a password.
    #[error(
        "the AMQP URL is not of the form amqp://user:password@host:port/vhost or amqps://..: {0}"
    )]
    Url(String),
    /// The CA file cannot be read.
    #[error("cannot read the CA file {path}: {cause}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The CA file has no certificate in PEM.
    #[error("the CA file {0} holds no certificate in PEM form")]
    CaEmpty(PathBuf),
    /// The client's certificate or its key cannot be read.
    #[error("cannot read the client's certificate or key {path}: {cause}")]
    IdentityFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The files have not what they should, in PEM.
    #[error("{0} holds no {1} in PEM form")]
    IdentityEmpty(PathBuf, &'static str),
    /// A client's certificate makes no sense without TLS.
    #[error(
        "a client's certificate is given, but the URL does not ask for TLS: write amqps:// instead of amqp://"
    )]
    IdentityWithoutTls,
    /// A CA file makes no sense without TLS.
    #[error(
        "a CA file is given, but the URL does not ask for TLS: write amqps:// instead of amqp://"
    )]
    CaWithoutTls,
}

impl Endpoint {
    /// Takes a URL as RabbitMQ's documentation has it (`amqp[s]://user:password@host:port/vhost`,
    /// the vhost percent-encoded) and, for a private authority, a file of CA certificates in PEM.
    ///
    /// # Errors
    /// [`EndpointError`] says which part is wrong; it never repeats the password.
    pub fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, EndpointError> {
        let mut uri: AMQPUri = url.parse().map_err(|error: String| {
            // The parser repeats the URL in some of its errors.
            let fault = if error.contains(url) {
                "it cannot be read"
            } else {
                &error
            };
            EndpointError::Url(fault.to_owned())
        })?;
        let behind_host = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        if behind_host.is_some_and(|(_, path)| path.contains('@')) {
            let fault = "an @ stands behind the host; write / in a password as %2f and @ as %40";
            return Err(EndpointError::Url(fault.to_owned()));
        }
        if let Some(address) = ipv6_host(url) {
            address.clone_into(&mut uri.authority.host);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        let ca_pem = ca_file.map(read_pem).transpose()?;
        if ca_pem.is_some() && uri.scheme != AMQPScheme::AMQPS {
            return Err(EndpointError::CaWithoutTls);
        }
        Ok(Endpoint {
            uri,
            ca_pem,
            identity: None,
            timeout: CONNECT_TIMEOUT,
            is_awaited: Arc::default(),
        })
    }

    /// Says in an error which broker is not there, and what to do.
    pub(crate) fn name_in(&self, error: Error) -> Error {
        match error {
            Error::Lost(words) => Error::Lost(format!(
                "{words} (broker {self}: is it running there? --amqp-url or ALDEBARAN_AMQP_URL \
                 names another)"
            )),
            error => error,
        }
    }

    /// The same broker's address with another host.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.uri.authority.host);
        self
    }

    /// The same broker's address, at which one try to connect may take so long; 10 s if nobody
    /// says so. How long an established connection may be silent is the heartbeat's business.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same broker's address, to which a client's certificate is shown.
    ///
    /// # Errors
    /// When the URL does not ask for TLS.
    pub fn with_identity(mut self, identity: Identity) -> Result<Self, EndpointError> {
        if self.uri.scheme != AMQPScheme::AMQPS {
            return Err(EndpointError::IdentityWithoutTls);
        }
        self.identity = Some(identity);
        Ok(self)
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// The virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.uri.authority.host
    }

    /// Whether it asks for TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    pub(crate) fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig {
            identity: self.identity.as_ref().map(|own| OwnedIdentity::PKCS8 {
                pem: own.certificate.clone(),
                key: own.key.clone(),
            }),
            cert_chain: self.ca_pem.clone(),
        }
    }
}

impl Identity {
    /// Reads a certificate (or a chain) and its key.
    ///
    /// # Errors
    /// When a file cannot be read or is not in PEM.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, EndpointError> {
        let read = |path: &Path, mark: &str, what| {
            let bytes = std::fs::read(path).map_err(|cause| EndpointError::IdentityFile {
                path: path.to_owned(),
                cause,
            })?;
            if !String::from_utf8_lossy(&bytes).contains(mark) {
                return Err(EndpointError::IdentityEmpty(path.to_owned(), what));
            }
            Ok(bytes)
        };
        Ok(Self {
            certificate: read(certificate, "-----BEGIN CERTIFICATE-----", "certificate")?,
            key: read(key, "PRIVATE KEY-----", "private key")?,
        })
    }
}

/// The URL library knows IPv6 hosts only for the web's own schemes.
fn ipv6_host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1;
    let authority = authority.split(['/', '?']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    host.strip_prefix('[')?
        .split_once(']')
        .map(|(address, _)| address)
}

pub(crate) fn read_pem(path: &Path) -> Result<String, EndpointError> {
    let pem = std::fs::read_to_string(path).map_err(|cause| EndpointError::CaFile {
        path: path.to_owned(),
        cause,
    })?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(EndpointError::CaEmpty(path.to_owned()));
    }
    Ok(pem)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(
            formatter,
            "{}://{}@{}:{} vhost {:?}",
            self.uri.scheme,
            authority.userinfo.username,
            authority.host,
            authority.port,
            self.uri.vhost
        )
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_never_shown() {
        let endpoint = Endpoint::parse("amqp://ann:s3cret@h:1/v%2fw", None).unwrap();
        assert_eq!(endpoint.to_string(), "amqp://ann@h:1 vhost \"v/w\"");
        assert!(!format!("{endpoint:?}").contains("s3cret"));
        let slash = Endpoint::parse("amqp://guest:12/s3cret@localhost:5672/%2f", None);
        assert!(slash.is_err(), "{slash:?}");
        for url in [
            "amqp:ann:s3cret@h",
            "http://ann:s3cret@h",
            "ann:s3cret",
            "amqp://ann:s3cret@h:x/",
        ] {
            let error = Endpoint::parse(url, None).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn hosts_of_every_family() {
        let host = |url: &str| Endpoint::parse(url, None).unwrap().uri.authority.host;
        assert_eq!(host("amqp://localhost"), "localhost");
        assert_eq!(host("amqp://u:p@127.0.0.2:5672/%2f"), "127.0.0.2");
        assert_eq!(host("amqp://u:p@[::1]:5672/%2f"), "::1");
    }

    #[test]
    fn a_ca_file_needs_tls() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(matches!(
            Endpoint::parse("amqps://h", Some(&file)),
            Err(EndpointError::CaEmpty(_))
        ));
        assert!(matches!(
            Endpoint::parse("amqps://h", Some(Path::new("/nowhere"))),
            Err(EndpointError::CaFile { .. })
        ));
    }
}
