//! One connection to the server, with its statements prepared.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::try_join_all;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use tokio_postgres::{Client, Row, Statement, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    schema::{self, Unfit},
    statements::STATEMENTS,
};
use crate::location::Server;

/// How long one try to connect may take.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that does not answer for so long is lost.
const SILENCE: Duration = Duration::from_secs(20);

/// A connection, with what runs on it. Ends with its last owner.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// How far the server's clock is ahead of ours, in milliseconds.
    pub(super) ahead_ms: i64,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum NoSession {
    /// No server, or it is starting or stopping: it may come.
    Away(String),
    /// Waiting does not mend it.
    Refused(String),
}

impl Session {
    pub(super) async fn open(server: &Server) -> Result<Self, NoSession> {
        match tokio::time::timeout(CONNECT, Self::connect(server)).await {
            Ok(opened) => opened,
            Err(_) => Err(NoSession::Away(format!("no answer within {CONNECT:?}"))),
        }
    }

    async fn connect(server: &Server) -> Result<Self, NoSession> {
        let tls = MakeRustlsConnect::new(tls(server).map_err(NoSession::Refused)?);
        let mut config = (*server.config).clone();
        config
            .application_name("channel-boy")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        let (client, connection) = config
            .connect(tls)
            .await
            .map_err(|error| no_session(&error))?;
        // Ends when the client is dropped; what it meets comes back from the client's requests.
        tokio::spawn(connection);
        schema::prepare(&client)
            .await
            .map_err(|unfit| match unfit {
                Unfit::Server(error) => no_session(&error),
                Unfit::Version(found) => NoSession::Refused(format!(
                    "its tables are version {found}, which this program does not know"
                )),
            })?;
        let prepare = |&(name, sql): &(&'static str, &'static str)| {
            let sql = sql.replace("{now}", NOW);
            let client = &client;
            async move { Ok((name, client.prepare(&sql).await?)) }
        };
        let statements = try_join_all(STATEMENTS.iter().map(prepare))
            .await
            .map_err(|error| no_session(&error))?;
        let ahead_ms = ahead_ms(&client)
            .await
            .map_err(|error| no_session(&error))?;
        Ok(Self {
            client,
            statements: statements.into_iter().collect(),
            ahead_ms,
        })
    }

    /// Runs a statement. Requests that are polled one after the other reach the server in that
    /// order, without waiting for each other.
    pub(super) async fn query(
        &self,
        name: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match self.statements.get(name) {
            Some(statement) => self.client.query(statement, parameters).await,
            None => Ok(Vec::new()), // unreachable: a test runs every name
        }
    }

    pub(super) async fn command(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }
}

/// The server's clock, unless a time is given.
const NOW: &str =
    "coalesce($1::bigint, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)";

async fn ahead_ms(client: &Client) -> Result<i64, tokio_postgres::Error> {
    let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let before_ms = host_ms();
    let server_ms: i64 = client.query_one(clock, &[]).await?.try_get(0)?;
    // What was asked in between was answered in the middle of it.
    let ours_ms = before_ms + (host_ms() - before_ms) / 2;
    Ok(server_ms - ours_ms)
}

fn host_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn tls(server: &Server) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &server.ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|c| roots.add(c).map_err(|error| error.to_string()));
            added.map_err(|error| format!("its CA file: {error}"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| error.to_string())
}

fn no_session(error: &tokio_postgres::Error) -> NoSession {
    let words = words(error);
    match error.code() {
        None if words.contains("certificate") => NoSession::Refused(words),
        None => NoSession::Away(words),
        Some(_) if is_lost(error) => NoSession::Away(words),
        Some(_) => NoSession::Refused(words),
    }
}

/// Whether the connection is gone, and with it the knowledge of what was carried out.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => true,
        // Operator intervention, connection exceptions, too many connections.
        Some(code) => matches!(&code.code()[..2], "57" | "08" | "53"),
    }
}

/// Whether the server rolled a transaction back that would go through if it came again.
pub(super) fn is_collision(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| &code.code()[..2] == "40")
}

/// The error with its causes; tokio-postgres puts no credentials into either.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
