//! Where a channel's ledger is, and opening it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use ledger::{Clock, Ledger, Location, OpenError, Postgres, Sqlite, Swept};
use program::Fault;

use crate::{clock::now_ms, config};

/// Which channel, and where its ledger is.
#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    /// The channel: its part of the configuration, and its queue
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,

    /// The ledger: a file of this process alone, made if it is not there, or
    /// postgres://user:password@host:port/database, which several hosts may share (default: what
    /// the configuration says, else NAME.ledger). A URL with a password belongs into the
    /// environment
    #[arg(
        long,
        value_name = "FILE or URL",
        env = "ALDEBARAN_LEDGER",
        hide_env_values = true
    )]
    ledger: Option<String>,

    /// Certificates (PEM) of the authority that signed the ledger server's, besides the system's
    #[arg(long, value_name = "FILE", env = "ALDEBARAN_LEDGER_CA")]
    ledger_ca: Option<PathBuf>,
}

impl LedgerArgs {
    /// The channel's name.
    pub(crate) fn channel(&self) -> Result<&str, Fault> {
        self.channel
            .as_deref()
            .ok_or_else(|| Fault::Usage("--channel NAME says which channel; see --help".to_owned()))
    }

    /// The channel's name, if one is given.
    pub(crate) fn named(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// Where the ledger is: by the flags, else as configured, else a file by the channel's name.
    pub(crate) fn location(&self, configured: Option<&Location>) -> Result<Location, Fault> {
        if let Some(text) = &self.ledger {
            let ca_pem = match &self.ledger_ca {
                Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
                    Fault::Usage(format!("--ledger-ca {}: {error}", file.display()))
                })?),
                None => None,
            };
            return Location::parse(text, ca_pem).map_err(|error| wrong(&error));
        }
        match configured {
            Some(location) => Ok(location.clone()),
            None => Ok(Location::File(format!("{}.ledger", self.channel()?).into())),
        }
    }

    /// The same, where the configuration need not be right in everything else.
    pub(crate) fn location_by_name(&self, config: &Path) -> Result<Location, Fault> {
        let configured = match (&self.ledger, &self.channel) {
            (None, Some(name)) => config::ledger_of(config, name)
                .map_err(|problems| Fault::Usage(problems.to_string()))?,
            _ => None,
        };
        self.location(configured.as_ref())
    }
}

fn wrong(error: &OpenError) -> Fault {
    Fault::Usage(format!("failed to {error}"))
}

/// Opens a ledger to deliver from it, and says what the last process left.
pub(crate) async fn open(location: &Location) -> Result<(Arc<dyn Ledger>, Swept), Fault> {
    match location {
        Location::File(path) => {
            let (ledger, swept) = Sqlite::open(path, now_ms()).map_err(|error| wrong(&error))?;
            Ok((Arc::new(ledger), swept))
        }
        Location::Server(_) => Ok((beside(location).await?, Swept::default())),
    }
}

/// Opens a ledger beside the process that delivers from it.
pub(crate) async fn beside(location: &Location) -> Result<Arc<dyn Ledger>, Fault> {
    Ok(match location {
        Location::File(path) => Arc::new(Sqlite::beside(path).map_err(|error| wrong(&error))?),
        Location::Server(server) => Arc::new(
            Postgres::open(server, Clock::Server)
                .await
                .map_err(|error| wrong(&error))?,
        ),
    })
}
