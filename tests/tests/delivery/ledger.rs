//! The ledger's word, read by the witness from the file itself.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use trade::Alert;

/// A ledger file, which a channel-boy may be writing to.
#[derive(Debug)]
pub(crate) struct LedgerFile(PathBuf);

impl LedgerFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The state of an alert that has one recipient; nothing if it is not there.
    pub(crate) fn word(&self, alert: &Alert) -> Result<Option<String>> {
        if !self.0.exists() {
            return Ok(None);
        }
        let file = Connection::open_with_flags(&self.0, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let word = file.query_row(
            "SELECT state FROM delivery WHERE alert = ?",
            [alert.alert_id.to_string()],
            |row| row.get(0),
        );
        Ok(word.optional()?)
    }
}
