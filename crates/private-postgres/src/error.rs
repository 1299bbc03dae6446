//! What can go wrong with a private server, in words that name the remedy.

use std::io;

/// Why a private server could not be started or used. Reads after "failed to ..".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No PostgreSQL lies where one is looked for.
    #[error("find PostgreSQL below /usr/lib/postgresql: install the package postgresql-15")]
    NotInstalled,
    /// The server ended, or did not answer in time.
    #[error("start the private PostgreSQL: {reason}; its log says:\n{log}")]
    Start {
        /// What happened instead.
        reason: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// A command that should have worked did not.
    #[error("run {command}: {reason}")]
    Command {
        /// The program.
        command: String,
        /// What it said.
        reason: String,
    },
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// The step, with the place.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Says which step an I/O error belongs to.
pub(crate) fn doing(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        doing: step.into(),
        source,
    }
}
