//! The classes of sinks: how a channel is configured for each, and where it is counted.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::point::Policy;
use crate::sinks::{BUS, Sinks};

/// A class of sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Sms,
    Email,
    Apns,
    Fcm,
    CommandFile,
    Nrdp,
    Nsca,
    Icinga2,
    Webhook,
    Amqp,
    File,
    Stdout,
}

/// Where a channel finds what it needs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) sinks: &'a Sinks,
    /// The channel's own folder.
    pub(crate) folder: &'a Path,
    /// Stands in what the other end hears before the message itself.
    pub(crate) mark: &'a str,
}

impl Route {
    /// Those whose other end answers, and here can be made to answer badly.
    pub(crate) const FALLIBLE: [Self; 7] = [
        Self::Sms,
        Self::Email,
        Self::Apns,
        Self::Fcm,
        Self::Nrdp,
        Self::Icinga2,
        Self::Webhook,
    ];

    /// Whether the other end says that it took a message, and here can be made to hold that back.
    pub(crate) fn replies(self) -> bool {
        self == Self::Nsca || Self::FALLIBLE.contains(&self)
    }

    /// As in the tables, and in a channel's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::CommandFile => "command_file",
            Self::Nrdp => "nrdp",
            Self::Nsca => "nsca",
            Self::Icinga2 => "icinga2",
            Self::Webhook => "webhook",
            Self::Amqp => "amqp",
            Self::File => "file",
            Self::Stdout => "stdout",
        }
    }

    /// The policies that a channel of this class may have.
    pub(crate) fn policies(self) -> &'static [Policy] {
        match self {
            Self::Sms | Self::File => &[Policy::Hold, Policy::Resend, Policy::Ask],
            _ => &[Policy::Hold, Policy::Resend],
        }
    }

    /// The keys of a channel in `channels.toml`.
    pub(crate) fn keys(self, place: Place<'_>) -> String {
        let counting = &place.sinks.counting;
        let base = |base: String| match place.mark {
            "" => base,
            mark => format!("{base}/{mark}"),
        };
        let (http, https) = (base(counting.http()), base(counting.https()));
        let tls = format!("ca_file = '{}'", counting.file("ca.pem").display());
        let nagios = "host = 'Sendence'\nservice = 'AAPL'";
        match self {
            Self::Sms => format!(
                "sink = 'sms'\nbase_url = '{http}'\naccount = 'AC{:032x}'\n\
                 token_env = 'SINK_SECRET'\nfrom = '+4930123456'\nrecipients = ['+4930654321']\n",
                7
            ),
            Self::Email => format!(
                "sink = 'email'\nhost = '127.0.0.1'\nport = {}\ntls = 'none'\n\
                 from = 'aldebaran@example.com'\nrecipients = ['{}desk@example.com']\n",
                counting.smtp(),
                place.mark
            ),
            Self::Apns => format!(
                "sink = 'apns'\nbase_url = '{https}'\n{tls}\nkey_file = '{}'\n\
                 key_id = 'ABC123DEFG'\nteam_id = 'DEF123GHIJ'\ntopic = 'com.example.alerts'\n\
                 devices = {{ desk = '{}' }}\n",
                counting.file("apns.key").display(),
                "5a".repeat(32)
            ),
            Self::Fcm => format!(
                "sink = 'fcm'\nbase_url = '{https}'\n{tls}\naccount_file = '{}'\n\
                 devices = {{ desk = '{}' }}\n",
                counting.file("fcm.json").display(),
                "5a".repeat(32)
            ),
            Self::CommandFile => format!(
                "sink = 'nagios'\nway = 'command_file'\n{nagios}\ncommand_file = '{}'\n",
                counting.file("command-file").display()
            ),
            Self::Nrdp => format!(
                "sink = 'nagios'\nway = 'nrdp'\n{nagios}\nurl = '{http}/nrdp/'\n\
                 token_env = 'SINK_SECRET'\n"
            ),
            Self::Nsca => format!(
                "sink = 'nagios'\nway = 'nsca'\n{nagios}\naddress = '127.0.0.1'\nport = {}\n\
                 password_env = 'NSCA_SECRET'\n",
                counting.nsca()
            ),
            Self::Icinga2 => format!(
                "sink = 'icinga2'\nurl = '{http}'\n{nagios}\nuser = 'aldebaran'\n\
                 password_env = 'SINK_SECRET'\n"
            ),
            Self::Webhook => format!("sink = 'webhook'\nurl = '{http}/alerts'\n"),
            Self::Amqp => format!("sink = 'amqp'\nurl_env = 'BUS_URL'\nqueue = '{BUS}'\n"),
            Self::File => {
                let file = place.folder.join("accepted.jsonl");
                format!("sink = 'file'\npath = '{}'\n", file.display())
            }
            Self::Stdout => "sink = 'stdout'\n".to_owned(),
        }
    }

    /// The keys that say how long to wait for the other end.
    pub(crate) fn patience(self, duration: &str) -> String {
        match self {
            Self::Email => format!("timeout = '{duration}'\nreply_timeout = '{duration}'\n"),
            Self::CommandFile | Self::File | Self::Stdout => String::new(),
            _ => format!("timeout = '{duration}'\n"),
        }
    }

    /// How often a message about `order` was accepted.
    pub(crate) fn accepted(self, order: &str, sinks: &Sinks, folder: &Path) -> Result<usize> {
        match self {
            Self::Amqp => sinks.on_the_bus(order),
            Self::File => lines(folder, "jsonl", order),
            Self::Stdout => lines(folder, "out", order),
            _ => sinks.counting.accepted(order),
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
