//! The ledger's file: is it one, may we use it, does it need to be made.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, config::DbConfig};

use crate::lock::{Lock, Refused};

/// "ALDL", in the header of every ledger: tells it from any other SQLite file.
const APPLICATION_ID: u32 = 0x414C_444C;
/// The schema that this program reads and writes.
const VERSION: u32 = 1;
/// A larger file is not read through at the start: the check reads about 1 GB/s.
const CHECKED_BYTES: u64 = 256 << 20;
/// How long somebody else's write (a person with the sqlite3 shell) is waited for.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE delivery (
  seq          INTEGER PRIMARY KEY,
  alert        TEXT NOT NULL,
  channel      TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN
    ('pending', 'claimed', 'sending', 'delivered', 'failed', 'retry_at', 'in_doubt')),
  due_ms       INTEGER NOT NULL, -- due at, or leased until
  fence        INTEGER NOT NULL DEFAULT 0, -- claims so far: an older ticket is stale
  attempts     INTEGER NOT NULL DEFAULT 0,
  conflicts    INTEGER NOT NULL DEFAULT 0,
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  first_try_ms INTEGER,
  note         TEXT NOT NULL DEFAULT '',
  payload_hash BLOB NOT NULL,
  payload      BLOB NOT NULL,
  UNIQUE (alert, channel, recipient)
) STRICT;
CREATE INDEX due      ON delivery (channel, due_ms, seq) WHERE state IN ('pending', 'retry_at');
CREATE INDEX leased   ON delivery (due_ms)               WHERE state IN ('claimed', 'sending');
CREATE INDEX doubtful ON delivery (channel, seq)         WHERE state = 'in_doubt';
CREATE INDEX finished ON delivery (updated_ms)           WHERE state IN ('delivered', 'failed');
";

/// Why a ledger cannot be opened. Nothing was written to it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else.
    #[error(
        "open the ledger {path}: {what}; nothing was written to it. Name another file, or move \
         this one away"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A later version of the program made it.
    #[error(
        "open the ledger {path}: its schema is version {found} and this program knows {VERSION}; \
         nothing was written to it. Use the program that made it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that it has.
        found: u32,
    },
    /// The file is a ledger and is damaged.
    #[error(
        "open the ledger {path}: it is damaged ({reason}); keep it with its -wal file, and restore \
         a copy. With a fresh ledger, alerts that the broker delivers again are sent again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
    /// Another process has it.
    #[error(
        "open the ledger {path}: {} is using it; stop that first, or give this process a ledger of \
         its own", holder(*.pid)
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who, if it could be read.
        pid: Option<u32>,
    },
    /// The file or its folder cannot be used.
    #[error("open the ledger {path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

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

fn check(connection: &Connection, path: &Path) -> Result<(), Fault> {
    connection.prepare("SELECT seq, fence, payload FROM delivery INDEXED BY due WHERE state IN ('pending', 'retry_at')")?;
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
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    /// Opens, expects a refusal, and proves that the file is as it was.
    fn refused(path: &Path) -> String {
        let before = std::fs::read(path).unwrap();
        let error = open(path).expect_err("refused").to_string();
        assert_eq!(before, std::fs::read(path).unwrap(), "overwritten");
        error
    }

    fn a_full_ledger(path: &Path) {
        let (connection, _lock) = open(path).unwrap();
        for i in 0..500 {
            connection
                .execute(
                    "INSERT INTO delivery (alert, channel, recipient, state, due_ms, created_ms, \
                     updated_ms, payload_hash, payload) VALUES (?, 'c', 'r', 'pending', 0, 0, 0, x'00', ?)",
                    (i.to_string(), vec![7u8; 300]),
                )
                .unwrap();
        }
    }

    #[test]
    fn a_ledger_opens_again() {
        let folder = folder();
        let path = folder.path().join("l");
        a_full_ledger(&path);
        let (connection, _lock) = open(&path).unwrap();
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM delivery", [], |r| r.get(0))
            .unwrap();
        assert_eq!(rows, 500);
    }

    #[test]
    fn an_empty_file_becomes_a_ledger_and_others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        File::create(folder.path().join("empty")).unwrap();
        assert!(open(&folder.path().join("empty")).is_ok());
        assert!(open(&folder.path().join("fresh")).is_ok());
        let mode = folder.path().join("fresh").metadata().unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_second_holder_is_refused_by_any_name() {
        let folder = folder();
        let path = folder.path().join("l");
        let _held = open(&path).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for name in [&path, &link] {
            let error = open(name).err().unwrap().to_string();
            assert!(
                error.contains(&format!("process {}", std::process::id())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_foreign_file_is_left_alone() {
        let folder = folder();
        let text = folder.path().join("text");
        std::fs::write(&text, "dear diary").unwrap();
        assert!(refused(&text).contains("not a ledger"));
        assert!(!beside(&text, "-lock").exists());

        let other = folder.path().join("other");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        assert!(refused(&other).contains("another program"));
        assert!(
            open(folder.path())
                .err()
                .unwrap()
                .to_string()
                .contains("regular file")
        );
        let nowhere = open(&folder.path().join("no/such/l")).err().unwrap();
        assert!(matches!(nowhere, OpenError::Unusable { .. }), "{nowhere}");
    }

    #[test]
    fn a_newer_ledger_is_refused() {
        let folder = folder();
        let path = folder.path().join("l");
        let (connection, _lock) = open(&path).unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        drop((connection, _lock));
        assert!(refused(&path).contains("version 9"));
    }

    #[test]
    fn a_damaged_ledger_is_refused() {
        let folder = folder();
        let path = folder.path().join("l");
        a_full_ledger(&path);
        let whole = std::fs::read(&path).unwrap();

        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(refused(&path).contains("damaged"));

        let mut torn = whole.clone();
        let middle = torn.len() / 2;
        torn[middle..middle + 8192].fill(0xa5);
        std::fs::write(&path, &torn).unwrap();
        assert!(refused(&path).contains("damaged"));

        std::fs::write(&path, &whole[..60]).unwrap();
        assert!(refused(&path).contains("not a ledger"));

        std::fs::write(&path, &whole).unwrap();
        assert!(open(&path).is_ok());
    }
}
