//! What came, on disk before it is answered.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::task::block_in_place;

/// A file with one JSON line for each message.
pub(crate) struct Log {
    file: Mutex<File>,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            file: Mutex::new(file.with_context(|| format!("open {}", path.display()))?),
        })
    }

    /// From here on it counts: it is on disk when this returns.
    pub(crate) fn accept(&self, wire: &str, head: &str, body: &str) -> Result<()> {
        self.write(true, wire, head, body)
    }

    /// It came, and was turned away.
    pub(crate) fn turn_away(&self, wire: &str, head: &str, body: &str) -> Result<()> {
        self.write(false, wire, head, body)
    }

    fn write(&self, accepted: bool, wire: &str, head: &str, body: &str) -> Result<()> {
        let message = json!({"accepted": accepted, "wire": wire, "head": head, "body": body});
        let line = format!("{message}\n");
        block_in_place(|| {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(line.as_bytes())?;
            file.sync_data()?;
            Ok(())
        })
    }
}
