//! The classes of sinks: how a channel is configured for each, and where it is counted.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tests::CountingSink;

use crate::point::Policy;

/// A class of sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Webhook,
    Email,
    Stdout,
}

impl Route {
    pub(crate) const ALL: [Self; 3] = [Self::Webhook, Self::Email, Self::Stdout];

    /// Those that answer, and so can answer badly.
    pub(crate) const FALLIBLE: [Self; 2] = [Self::Webhook, Self::Email];

    /// As in the table, and in a channel's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Stdout => "stdout",
        }
    }

    /// Whether the other end says that it took a message.
    pub(crate) fn replies(self) -> bool {
        !matches!(self, Self::Stdout)
    }

    /// The policies that a channel of this class may have.
    pub(crate) fn policies(self) -> &'static [Policy] {
        &[Policy::Hold, Policy::Resend]
    }

    /// The keys of a channel to the counting sink, in `channels.toml`.
    pub(crate) fn keys(self, sink: &CountingSink) -> String {
        match self {
            Self::Webhook => format!("sink = 'webhook'\nurl = '{}/alerts'\n", sink.http()),
            Self::Email => format!(
                "sink = 'email'\nhost = '127.0.0.1'\nport = {}\ntls = 'none'\n\
                 from = 'aldebaran@example.com'\nrecipients = ['trading-desk@example.com']\n",
                sink.smtp()
            ),
            Self::Stdout => "sink = 'stdout'\n".to_owned(),
        }
    }

    /// The same, with `mark` in what the other end hears before the message itself.
    pub(crate) fn keys_marked(self, sink: &CountingSink, mark: &str) -> String {
        let keys = self.keys(sink);
        match self {
            Self::Webhook => keys.replace("/alerts", &format!("/alerts/{mark}")),
            Self::Email => keys.replace("trading-desk@", &format!("{mark}@")),
            Self::Stdout => keys,
        }
    }

    /// The keys that say how long to wait for the other end.
    pub(crate) fn patience(self, duration: &str) -> String {
        match self {
            Self::Webhook => format!("timeout = '{duration}'\n"),
            Self::Email => format!("timeout = '{duration}'\nreply_timeout = '{duration}'\n"),
            Self::Stdout => String::new(),
        }
    }

    /// How often a message about `order` was accepted. What the channel-boys of a cell print is
    /// in `folder`.
    pub(crate) fn accepted(self, order: &str, sink: &CountingSink, folder: &Path) -> Result<usize> {
        match self {
            Self::Webhook | Self::Email => sink.accepted(order),
            Self::Stdout => lines(folder, "out", order),
        }
    }
}

/// The lines with `needle` in them, in all files of the folder with this ending.
fn lines(folder: &Path, ending: &str, needle: &str) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == ending) {
            let text = fs::read_to_string(&path)?;
            count += text.lines().filter(|line| line.contains(needle)).count();
        }
    }
    Ok(count)
}
