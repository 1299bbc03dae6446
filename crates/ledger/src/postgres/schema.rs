//! The shared ledger's tables.

use tokio_postgres::Client;

/// The schema that this program reads and writes.
const VERSION: i32 = 1;

/// Any number, the same for every process: only one makes the tables.
const MAKING: i64 = 0x414C_444C;

const TABLES: &str = "
CREATE TABLE aldebaran_ledger (version integer NOT NULL);
CREATE TABLE delivery (
  seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  alert        text NOT NULL,
  channel      text NOT NULL,
  recipient    text NOT NULL,
  state        text NOT NULL CHECK (state IN
    ('pending', 'claimed', 'sending', 'delivered', 'failed', 'retry_at', 'in_doubt')),
  due_ms       bigint NOT NULL, -- due at, or leased until
  fence        bigint NOT NULL DEFAULT 0, -- claims so far: an older ticket is stale
  attempts     bigint NOT NULL DEFAULT 0,
  conflicts    bigint NOT NULL DEFAULT 0,
  doubted      boolean NOT NULL DEFAULT false, -- an earlier attempt was left in doubt
  refused      boolean NOT NULL DEFAULT false, -- and a repeat was refused for good
  burials      bigint NOT NULL DEFAULT 0, -- times that it failed
  unburied     boolean NOT NULL DEFAULT false, -- still to be published as undelivered
  created_ms   bigint NOT NULL,
  updated_ms   bigint NOT NULL,
  first_try_ms bigint,
  digest       text,
  note         text NOT NULL DEFAULT '',
  payload_hash bytea NOT NULL,
  UNIQUE (alert, channel, recipient)
) WITH (fillfactor = 80);
-- Apart, so that a change of state does not write the words again.
CREATE TABLE letter (seq bigint PRIMARY KEY, payload bytea NOT NULL);
CREATE INDEX due      ON delivery (channel, due_ms, seq) WHERE state IN ('pending', 'retry_at');
CREATE INDEX leased   ON delivery (due_ms)               WHERE state IN ('claimed', 'sending');
CREATE INDEX doubtful ON delivery (channel, seq)         WHERE state = 'in_doubt';
CREATE INDEX finished ON delivery (updated_ms)           WHERE state IN ('delivered', 'failed');
CREATE INDEX unburied ON delivery (channel, seq)         WHERE unburied;
CREATE INDEX together ON delivery (digest)
  WHERE state = 'retry_at' AND digest IS NOT NULL;
";

/// Makes the tables where there are none.
///
/// # Errors
/// The server's words, or what is wrong with the tables that are there.
pub(super) async fn prepare(client: &Client) -> Result<(), Unfit> {
    if let Some(version) = version(client).await? {
        return fit(version);
    }
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MAKING])
        .await?;
    let made = match version(client).await? {
        Some(version) => fit(version),
        None => {
            let version = format!("INSERT INTO aldebaran_ledger VALUES ({VERSION});");
            let script = format!("BEGIN;{TABLES}{version}COMMIT;");
            client.batch_execute(&script).await.map_err(Unfit::from)
        }
    };
    if made.is_ok() {
        client
            .execute("SELECT pg_advisory_unlock($1)", &[&MAKING])
            .await?;
    }
    made
}

/// Why a database cannot hold the ledger.
pub(super) enum Unfit {
    Server(tokio_postgres::Error),
    Version(i32),
}

impl From<tokio_postgres::Error> for Unfit {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

fn fit(version: i32) -> Result<(), Unfit> {
    match version {
        VERSION => Ok(()),
        found => Err(Unfit::Version(found)),
    }
}

async fn version(client: &Client) -> Result<Option<i32>, tokio_postgres::Error> {
    let there = "SELECT to_regclass('aldebaran_ledger') IS NOT NULL";
    if !client.query_one(there, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let version = "SELECT max(version) FROM aldebaran_ledger";
    client.query_one(version, &[]).await?.try_get(0)
}
