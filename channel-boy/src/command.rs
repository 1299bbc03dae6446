//! What an operator can ask of channel-boy besides running a channel.

mod check;
mod test;

use std::path::Path;

use clap::Subcommand;
use program::Fault;
use tokio_util::sync::CancellationToken;

/// A command besides running a channel.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Check),
    Test(test::Test),
}

impl Command {
    /// Carries it out with the channels of `config`, and ends early at `stop`.
    ///
    /// # Errors
    /// By the command: what is wrong with the file, or what did not work.
    pub(crate) async fn run(&self, config: &Path, stop: &CancellationToken) -> Result<(), Fault> {
        match self {
            Self::Check(check) => check.run(config),
            Self::Test(test) => test.run(config, stop).await,
        }
    }
}
