//! What can go wrong with a private server, in words that name the remedy.

use std::io;
use std::path::PathBuf;

/// Why a private broker, or another private server, could not be started or used. Reads after "failed to ..".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not lie where it is looked for.
    #[error("find {server} below {below}: install the package {package}")]
    NotInstalled {
        /// Its name.
        server: &'static str,
        /// Where it should lie.
        below: PathBuf,
        /// Debian's package of it.
        package: &'static str,
    },
    /// `chroot` and `mount` are for root only.
    #[error("run RabbitMQ out of a Debian 13 tree: chroot and mount need root")]
    NeedsRoot,
    /// The Debian 13 tree could not be made.
    #[error("make the Debian 13 tree {tree}: {reason}")]
    Tree {
        /// Where it should be.
        tree: PathBuf,
        /// What debootstrap said, or why it could not be run.
        reason: String,
    },
    /// The server ended, or did not answer in time.
    #[error("start the private {server}: {reason}; its log says:\n{log}")]
    Start {
        /// Its name.
        server: &'static str,
        /// What happened instead.
        reason: String,
        /// Its first errors, or the last lines that it wrote.
        log: String,
    },
    /// The management API was asked for and is not enabled.
    #[error("use the management API: it was not enabled, start with Settings.management")]
    NoManagement,
    /// The management API refused or did not answer.
    #[error("{request} on the management API: {answer}")]
    Management {
        /// Method and path.
        request: String,
        /// Status line, or what the socket said.
        answer: String,
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

/// Says which step an I/O error belongs to: for `map_err`, with the step as in "failed to ..".
pub fn doing(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        doing: step.into(),
        source,
    }
}
