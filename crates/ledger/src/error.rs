//! What can be wrong with a ledger.

use std::path::PathBuf;

use crate::sqlite::VERSION;

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
    /// The text that should say where the ledger is does not. It is not repeated: it may hold a
    /// password.
    #[error(
        "understand the ledger's URL: {0}; write postgres://user:password@host:port/database, \
         or a file's name"
    )]
    Url(&'static str),
    /// The server cannot be used.
    #[error("open the ledger, {server}: {reason}")]
    Server {
        /// Which, without credentials.
        server: String,
        /// Its words, or the system's.
        reason: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

/// Why the ledger did not answer. Nothing of the request was kept; the disk, the file or the
/// database is at fault, and the way on is to stop and look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be done: disk full, input/output error, damage, a server that refuses.
    #[error("write the ledger: {reason}; {remedy}")]
    Storage {
        /// SQLite's or PostgreSQL's words.
        reason: String,
        /// What a person can do.
        remedy: &'static str,
    },
    /// The ledger was closed.
    #[error("write the ledger: it is closed")]
    Closed,
}
