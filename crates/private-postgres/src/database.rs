//! A database for one test.

use std::ffi::OsString;
use std::path::Path;

use private_broker::Error;

use crate::installation::{Installation, output};
use crate::server::{OWNER, PASSWORD};

/// A fresh database of a private server. It goes with the server.
#[derive(Debug)]
pub struct Database {
    installation: Installation,
    port: u16,
    name: String,
}

impl Database {
    pub(crate) fn create(
        installation: &Installation,
        port: u16,
        name: String,
    ) -> Result<Self, Error> {
        let command = [
            installation.program("createdb"),
            "--host=127.0.0.1".into(),
            format!("--port={port}").into(),
            format!("--username={OWNER}").into(),
            name.clone().into(),
        ];
        output(&command, &[("PGPASSWORD", PASSWORD)], Path::new("/"))?;
        Ok(Self {
            installation: installation.clone(),
            port,
            name,
        })
    }

    /// Its URL, with user and password, without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        self.address("127.0.0.1", "disable")
    }

    /// Its URL over TLS, whose certificate is for `localhost` and 127.0.0.1: see
    /// [`PrivatePostgres::tls_authority`](crate::PrivatePostgres::tls_authority).
    #[must_use]
    pub fn tls_url(&self) -> String {
        self.address("localhost", "require")
    }

    /// The witness's own look: what `psql` prints, a line a row, fields parted by `|`.
    ///
    /// # Errors
    ///
    /// When the server is away or refuses the statement.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        let command: [OsString; 8] = [
            self.installation.program("psql"),
            "--no-psqlrc".into(),
            "--quiet".into(),
            "--no-align".into(),
            "--tuples-only".into(),
            self.url().into(),
            "--command".into(),
            sql.into(),
        ];
        output(&command, &[], Path::new("/"))
    }

    fn address(&self, host: &str, mode: &str) -> String {
        let (port, name) = (self.port, &self.name);
        format!("postgres://{OWNER}:{PASSWORD}@{host}:{port}/{name}?sslmode={mode}")
    }
}
