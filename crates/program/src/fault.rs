//! Why a program ends before its work is done.

/// A failure with its exit code.
#[derive(Debug)]
pub enum Fault {
    /// The user's: a wrong flag, file or message. Exit code 2. All there is to say, several
    /// lines if there are several problems.
    Usage(String),
    /// The world's. Exit code 1.
    Failed(anyhow::Error),
    /// A program's own code with its own words.
    Exit {
        /// The exit code.
        code: u8,
        /// What is written to stderr; nothing when empty.
        message: String,
    },
}

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Failed(error.into())
    }
}

impl Fault {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Fault::Failed(_) => 1,
            Fault::Usage(_) => 2,
            Fault::Exit { code, .. } => *code,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Fault::Failed(error) => format!("failed to {error:#}"),
            Fault::Usage(message) | Fault::Exit { message, .. } => message.clone(),
        }
    }
}
