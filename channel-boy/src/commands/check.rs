//! `channel-boy check`: is the file right?

use std::{
    io::{Write, stdout},
    path::Path,
};

use clap::Args;
use program::Fault;

use crate::config::{self, Resolve};

/// Checks the configuration: every channel, its templates on sample alerts, its secrets and
/// certificates. Sends nothing and reaches nobody.
///
/// Every problem is named with file and line. Exit code 0 if there is none, otherwise 2.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Look only for the secrets and files of this channel (may be repeated); all else of the
    /// others is checked still
    #[arg(long = "channel", value_name = "NAME", conflicts_with = "no_secrets")]
    channels: Vec<String>,

    /// Look for no secrets and files at all: for a machine that has none of them
    #[arg(long)]
    no_secrets: bool,
}

impl Check {
    pub(super) fn run(&self, config: &Path) -> Result<(), Fault> {
        let resolve = match (self.no_secrets, self.channels.as_slice()) {
            (true, _) => Resolve::None,
            (_, []) => Resolve::All,
            (_, names) => Resolve::Only(names),
        };
        let summary = config::check(config, &resolve).map_err(|p| Fault::Usage(p.to_string()))?;
        let mut out = stdout().lock();
        for channel in &summary {
            writeln!(out, "{channel}")?;
        }
        let (file, count) = (config.display(), summary.len());
        writeln!(out, "{file}: {count} channels, nothing is wrong")?;
        Ok(())
    }
}
