//! Where a ledger is: a file, or a database on a server.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use tokio_postgres::config::{Config, Host, SslMode};

use crate::OpenError;

/// Where a ledger is. Its `Display` shows no password.
#[derive(Clone)]
pub enum Location {
    /// An SQLite file of this host.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Server(Server),
}

/// A PostgreSQL database, with credentials and trust.
#[derive(Clone)]
pub struct Server {
    pub(crate) config: Box<Config>,
    pub(crate) ca_pem: Option<String>,
}

impl Location {
    /// A file's name, or `postgres://user:password@host:port/database`, with the certificates
    /// (PEM) that are trusted besides the system's. A server on another host is spoken to by
    /// TLS, unless the URL says `sslmode=disable`.
    ///
    /// # Errors
    /// [`OpenError::Url`] when it looks like a URL and is none of PostgreSQL's; it does not
    /// repeat the URL, which may hold a password.
    pub fn parse(text: &str, ca_pem: Option<String>) -> Result<Self, OpenError> {
        let Some((scheme, _)) = text.split_once("://") else {
            return match ca_pem {
                Some(_) => Err(OpenError::Url("certificates go with a server, not a file")),
                None => Ok(Self::File(text.into())),
            };
        };
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(OpenError::Url("it begins with neither of the two"));
        }
        let mut config: Config = text
            .parse()
            .map_err(|_| OpenError::Url("it cannot be read"))?;
        if config.get_hosts().is_empty() {
            return Err(OpenError::Url("it names no host"));
        }
        if config.get_ssl_mode() == SslMode::Prefer && !config.get_hosts().iter().all(is_local) {
            config.ssl_mode(SslMode::Require);
        }
        Ok(Self::Server(Server {
            config: Box::new(config),
            ca_pem,
        }))
    }

    /// Whether a password stands in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Server(server) => server.config.get_password().is_some(),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.config.get_dbname().unwrap_or("(the user's own)");
        write!(f, "database {database} at ")?;
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        match Location::parse(url, None) {
            Ok(Location::Server(server)) => server,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://ann:s3cret@db.example.com:5433/alerts";
        let shown = Location::parse(url, None).unwrap();
        assert_eq!(
            format!("{shown} {shown:?}"),
            "database alerts at db.example.com database alerts at db.example.com"
        );
        for url in [
            "mysql://ann:s3cret@h/d",
            "postgres://ann:s3cret@h:x/d",
            "postgres://ann:s3cret@h/d?colour=red",
        ] {
            let error = Location::parse(url, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn another_host_is_spoken_to_by_tls_unless_told_otherwise() {
        for (url, mode) in [
            ("postgres://u@db.example.com/d", SslMode::Require),
            (
                "postgres://u@db.example.com/d?sslmode=disable",
                SslMode::Disable,
            ),
            ("postgres://u@127.0.0.1/d", SslMode::Prefer),
            ("postgres://u@localhost/d?sslmode=require", SslMode::Require),
            ("postgres:///d?host=/run/postgresql", SslMode::Prefer),
        ] {
            assert_eq!(server(url).config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_a_file() {
        let file = Location::parse("email.ledger", None).unwrap();
        assert_eq!(file.file(), Some(Path::new("email.ledger")));
    }
}
