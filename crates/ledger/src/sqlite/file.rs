//! The ledger's file: is it one, may we use it, does it need to be made.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::lock::{Lock, Refused};
use crate::{OpenError, entry::id_hash};

/// "ALDL", in the header of every ledger: tells it from any other SQLite file.
const APPLICATION_ID: u32 = 0x414C_444C;
/// The schema that this program reads and writes.
pub(crate) const VERSION: u32 = 3;
/// A larger file is not read through at the start: the check reads about 1 GB/s.
const CHECKED_BYTES: u64 = 256 << 20;
/// How long somebody else's write (a person with the sqlite3 shell) is waited for.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE delivery (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  id_hash      INTEGER NOT NULL,
  alert        TEXT NOT NULL,
  channel      TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN
    ('pending', 'claimed', 'sending', 'delivered', 'failed', 'retry_at', 'in_doubt')),
  due_ms       INTEGER NOT NULL, -- due at, or leased until
  fence        INTEGER NOT NULL DEFAULT 0, -- claims so far: an older ticket is stale
  attempts     INTEGER NOT NULL DEFAULT 0,
  conflicts    INTEGER NOT NULL DEFAULT 0,
  doubted      INTEGER NOT NULL DEFAULT 0, -- an earlier attempt was left in doubt
  refused      INTEGER NOT NULL DEFAULT 0, -- and a repeat was refused for good
  burials      INTEGER NOT NULL DEFAULT 0, -- times that it failed
  unburied     INTEGER NOT NULL DEFAULT 0, -- still to be published as undelivered
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  first_try_ms INTEGER,
  digest       TEXT,
  note         TEXT NOT NULL DEFAULT '',
  payload_hash BLOB NOT NULL
) STRICT;
-- Apart, so that a change of state does not write the words again.
CREATE TABLE IF NOT EXISTS letter (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
-- (alert, channel, recipient) are never twice: the one writer looks before it inserts. Of hashes
-- alone, because ids come in no order: each new one changes a page somewhere in this index.
CREATE INDEX ids      ON delivery (id_hash);
CREATE INDEX due      ON delivery (channel, due_ms, seq) WHERE state IN ('pending', 'retry_at');
CREATE INDEX leased   ON delivery (due_ms)               WHERE state IN ('claimed', 'sending');
CREATE INDEX doubtful ON delivery (channel, seq)         WHERE state = 'in_doubt';
CREATE INDEX finished ON delivery (updated_ms)           WHERE state IN ('delivered', 'failed');
CREATE INDEX unburied ON delivery (channel, seq)         WHERE unburied = 1;
CREATE INDEX together ON delivery (digest)
  WHERE state = 'retry_at' AND digest IS NOT NULL;
";

/// Opens a ledger, or makes one where there is no file or an empty one. The connection must be
/// dropped before the lock.
pub(crate) fn open(path: &Path) -> Result<(Connection, Lock), OpenError> {
    let unusable = |error: io::Error| OpenError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    refuse_foreign(path)?;
    drop(create(path).map_err(unusable)?);
    // The lock goes by the file, not by the name that it was reached by.
    let path = &path.canonicalize().map_err(unusable)?;
    let lock = Lock::take(&beside(path, "-lock")).map_err(|refused| match refused {
        Refused::Held(pid) => OpenError::InUse {
            path: path.clone(),
            pid,
        },
        Refused::Io(error) => OpenError::Unusable {
            path: path.clone(),
            reason: format!("its lock file: {error}"),
        },
    })?;
    let connection = connect(path).map_err(|fault| fault.at(path))?;
    Ok((connection, lock))
}

/// Opens a ledger that is there and whole, without its lock: beside whoever holds it.
pub(crate) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    refuse_foreign(path)?;
    let unusable = |reason: String| OpenError::Unusable {
        path: path.to_owned(),
        reason,
    };
    let bytes = path.metadata().map_err(|e| unusable(e.to_string()))?.len();
    if bytes == 0 {
        return Err(unusable("it is empty".to_owned()));
    }
    let known = || -> Result<Connection, Fault> {
        let connection = attach(path)?;
        match connection.pragma_query_value(None, "user_version", |r| r.get(0))? {
            VERSION => {}
            found if found > VERSION => return Err(Fault::Newer(found)),
            found => return Err(Fault::Older(found)),
        }
        Ok(connection)
    };
    known().map_err(|fault| fault.at(path))
}

/// One more connection to a file that is there.
pub(super) fn attach(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Looks at the first bytes, before SQLite gets to touch anything.
fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let foreign = |what| {
        Err(OpenError::Foreign {
            path: path.to_owned(),
            what,
        })
    };
    // Looked at before it is opened: to open a pipe would wait for its other end.
    if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        return foreign("it is not a regular file");
    }
    let mut head = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(OpenError::Unusable {
                path: path.to_owned(),
                reason: error.to_string(),
            });
        }
        Ok(file) => {
            let _ = file.take(100).read_to_end(&mut head);
        }
    }
    if head.is_empty() {
        return Ok(());
    }
    if !head.starts_with(b"SQLite format 3\0") || head.len() < 100 {
        return foreign("it is not a ledger");
    }
    if head[68..72] != APPLICATION_ID.to_be_bytes() {
        return foreign("it is an SQLite database of another program");
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600) // alerts name clients
        .open(path)
}

enum Fault {
    Sqlite(rusqlite::Error),
    Damaged(String),
    Foreign,
    Newer(u32),
    Older(u32),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    fn at(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Sqlite(error) if is_damage(&error) => OpenError::Damaged {
                path,
                reason: error.to_string(),
            },
            Self::Sqlite(error) => OpenError::Unusable {
                path,
                reason: error.to_string(),
            },
            Self::Damaged(reason) => OpenError::Damaged { path, reason },
            Self::Foreign => OpenError::Foreign {
                path,
                what: "it is an SQLite database of another program",
            },
            Self::Newer(found) => OpenError::Newer { path, found },
            Self::Older(found) => OpenError::Unusable {
                path,
                reason: format!(
                    "its schema is version {found}: run the channel once, which brings it up"
                ),
            },
        }
    }
}

/// Whether SQLite says that the file itself is broken.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // Until the file is known to be ours and whole, closing it must not write either.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let application: u32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    match (application, version) {
        (0, 0) if objects == 0 => make(&mut connection)?,
        (APPLICATION_ID, VERSION) => check(&connection, path)?,
        (APPLICATION_ID, former @ 1..VERSION) => bring_up(&mut connection, former)?,
        (APPLICATION_ID, found) if found > VERSION => return Err(Fault::Newer(found)),
        (APPLICATION_ID, found) => {
            return Err(Fault::Damaged(format!("its schema version is {found}")));
        }
        _ => return Err(Fault::Foreign),
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |r| r.get(0))?;
    if mode != "wal" {
        return Err(Fault::Damaged(format!("its journal mode stays {mode}")));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // Plans do not depend on what is bound; without this it prepares statements again to see.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // In KiB: the inner pages of the index of ids stay in memory up to some ten million entries.
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Makes the schema in one transaction of the rollback journal, so that the header of a ledger's
/// main file names it as one from its first commit.
fn make(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.execute_batch(SCHEMA)?;
    Ok(transaction.commit()?)
}

/// Makes the present schema out of an earlier one, in one transaction. What had failed before
/// there were burials was never published, and is not now.
fn bring_up(connection: &mut Connection, version: u32) -> Result<(), Fault> {
    tracing::info!(from = version, to = VERSION, "bringing the ledger up");
    let transaction = connection.transaction()?;
    let texts = |query: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = transaction.prepare(query)?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let indexes = texts(
        "SELECT name FROM sqlite_schema
         WHERE type = 'index' AND tbl_name = 'delivery' AND sql IS NOT NULL",
    )?;
    for index in indexes {
        transaction.execute_batch(&format!("DROP INDEX {index}"))?;
    }
    let columns = texts("SELECT name FROM pragma_table_info('delivery') WHERE name <> 'payload'")?;
    let columns = columns.join(", ");
    transaction.execute_batch("ALTER TABLE delivery RENAME TO former")?;
    transaction.execute_batch(SCHEMA)?;
    if version == 1 {
        transaction.execute_batch("INSERT INTO letter SELECT seq, payload FROM former")?;
    }
    {
        let mut insert = transaction.prepare(&format!(
            "INSERT INTO delivery (id_hash, {columns}) SELECT ?, {columns} FROM former \
             WHERE seq = ?"
        ))?;
        let mut former = transaction.prepare("SELECT seq, alert FROM former ORDER BY seq")?;
        let mut former = former.query([])?;
        while let Some(row) = former.next()? {
            let (seq, alert): (i64, String) = (row.get(0)?, row.get(1)?);
            insert.execute((id_hash(&alert), seq))?;
        }
    }
    transaction.execute_batch("DROP TABLE former")?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

fn check(connection: &Connection, path: &Path) -> Result<(), Fault> {
    connection.prepare(
        "SELECT seq, fence, burials, payload FROM delivery INDEXED BY due JOIN letter USING (seq)
         WHERE state IN ('pending', 'retry_at')",
    )?;
    let bytes = path.metadata().map_or(0, |data| data.len());
    if bytes > CHECKED_BYTES {
        return Ok(());
    }
    let word: String = connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if word == "ok" {
        Ok(())
    } else {
        Err(Fault::Damaged(word))
    }
}

#[cfg(test)]
mod tests;
