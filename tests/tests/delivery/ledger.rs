//! The ledger's word, read by the witness from the file or the table itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use private_postgres::Database;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use trade::Alert;

/// A ledger, which channel-boys may be writing to.
#[derive(Debug)]
pub(crate) enum Ledger {
    File(PathBuf),
    Server(Database),
}

impl Ledger {
    /// As a channel-boy is told where it is.
    pub(crate) fn place(&self) -> OsString {
        match self {
            Self::File(path) => path.into(),
            Self::Server(database) => database.url().into(),
        }
    }

    /// Makes the leases of a server old.
    pub(crate) fn end_leases(&self) -> Result<()> {
        if let Self::Server(database) = self {
            database
                .query("UPDATE delivery SET due_ms = 0 WHERE state IN ('claimed', 'sending')")?;
        }
        Ok(())
    }

    /// How many entries of a server are settled.
    pub(crate) fn settled(&self) -> Result<usize> {
        let Self::Server(database) = self else {
            bail!("count the entries of a file");
        };
        let sql = "SELECT count(*) FROM delivery WHERE state IN ('delivered', 'in_doubt')";
        Ok(database.query(sql)?.trim().parse()?)
    }

    /// The state of an alert that has one recipient; nothing if it is not there.
    pub(crate) fn word(&self, alert: &Alert) -> Result<Option<String>> {
        match self {
            Self::File(path) => of_file(path, alert),
            Self::Server(database) => {
                let id = &alert.alert_id;
                let said =
                    database.query(&format!("SELECT state FROM delivery WHERE alert = '{id}'"))?;
                let word = said.trim().to_owned();
                Ok((!word.is_empty()).then_some(word))
            }
        }
    }
}

fn of_file(path: &Path, alert: &Alert) -> Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let word = file.query_row(
        "SELECT state FROM delivery WHERE alert = ?",
        [alert.alert_id.to_string()],
        |row| row.get(0),
    );
    Ok(word.optional()?)
}
