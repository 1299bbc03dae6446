//! `channels.toml`: as written, then checked. Every problem of the file is reported at once,
//! each with its line.

mod filter;
mod policy;
mod problems;
mod secret;
mod section;
mod words;

use std::path::Path;

use toml::de::{DeTable, DeValue};

pub(crate) use filter::Filter;
pub(crate) use problems::Problems;
pub(crate) use secret::Secret;
pub(crate) use section::Section;

use ledger::Location;

use crate::{
    pace,
    retry::Retry,
    sink::{self, Sink},
};

/// What is done with an alert of which nobody can know whether it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInDoubt {
    /// Leave it to a person: at most once.
    Hold,
    /// Send it again: at least once.
    Resend,
    /// Ask the provider; what it does not show is left to a person.
    Ask,
}

/// Which channels' secrets and files are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolve<'a> {
    All,
    None,
    Only(&'a [String]),
}

impl Resolve<'_> {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.iter().any(|wanted| wanted == name),
        }
    }
}

/// One channel, ready to deliver.
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) sink: Box<dyn Sink>,
    /// Who gets each alert, as the ledger names them.
    pub(crate) recipients: Vec<String>,
    /// Which alerts it is for; the others are acknowledged and forgotten.
    pub(crate) filter: Filter,
    /// Deliveries at the same time.
    pub(crate) concurrency: usize,
    pub(crate) on_in_doubt: OnInDoubt,
    pub(crate) retry: Retry,
    pub(crate) limits: pace::Limits,
    /// Where its ledger is, if the file says so.
    pub(crate) ledger: Option<Location>,
    /// Undelivered entries in the ledger at which the queue is left alone until there is room.
    pub(crate) backlog: u64,
}

/// Reads the file, checks all of its channels, and resolves the one called `name`: its secrets
/// and certificates, and only its, are read.
///
/// # Errors
/// All that is wrong.
pub(crate) fn load(file: &Path, name: &str) -> Result<Channel, Problems> {
    parse(file, &read(file)?, name)
}

/// Checks the file, and gives a line on each channel.
///
/// # Errors
/// All that is wrong.
pub(crate) fn check(file: &Path, resolve: &Resolve<'_>) -> Result<Vec<String>, Problems> {
    let text = read(file)?;
    let mut problems = Problems::new(file, &text);
    let checked = check_text(&text, resolve, &mut problems);
    if let Resolve::Only(names) = resolve {
        for name in names
            .iter()
            .filter(|name| !checked.iter().any(|c| c.name == **name))
        {
            problems.add_to_file(format!("no [channel.{name}] in it"));
        }
    }
    if problems.is_empty() {
        Ok(checked.iter().map(Checked::summary).collect())
    } else {
        Err(problems)
    }
}

fn read(file: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(file).map_err(|error| {
        Problems::of_file(
            file,
            format!("cannot be read: {error}; name one with --config"),
        )
    })
}

/// Where a channel's ledger is, by the file; nothing else of it is looked at.
///
/// # Errors
/// What is wrong with that.
pub(crate) fn ledger_of(file: &Path, name: &str) -> Result<Option<Location>, Problems> {
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(None); // a ledger can be looked at without the channel's configuration
    };
    let mut problems = Problems::new(file, &text);
    let (document, _) = DeTable::parse_recoverable(&text);
    let document = document.get_ref();
    let named = document.get("channel").and_then(|v| v.get_ref().get(name));
    let Some(DeValue::Table(table)) = named.map(|value| value.get_ref()) else {
        return Ok(None);
    };
    let ledger = policy::ledger(&mut Section::new(table, 0, true, &mut problems));
    match problems.is_empty() {
        true => Ok(ledger),
        false => Err(problems),
    }
}

/// The same as [`load`], from the file's text.
pub(crate) fn parse(file: &Path, text: &str, name: &str) -> Result<Channel, Problems> {
    let mut problems = Problems::new(file, text);
    let only = [name.to_owned()];
    let mut checked = check_text(text, &Resolve::Only(&only), &mut problems);
    let at = checked.iter().position(|checked| checked.name == name);
    if at.is_none() && !problems.has_bad_syntax() {
        problems.add_to_file(format!(
            "no [channel.{name}] in it, which --channel asks for"
        ));
    }
    match at.and_then(|at| checked.swap_remove(at).channel) {
        Some(channel) if problems.is_empty() => Ok(channel),
        _ => Err(problems),
    }
}

/// A channel that was looked at.
struct Checked {
    name: String,
    /// `None` when something is wrong, or when it was not resolved and needs a secret.
    channel: Option<Channel>,
}

impl Checked {
    fn summary(&self) -> String {
        let name = &self.name;
        match &self.channel {
            Some(channel) => match channel.recipients.len() {
                1 => format!("{name}: 1 recipient"),
                count => format!("{name}: {count} recipients"),
            },
            None => format!("{name}: checked without its secrets"),
        }
    }
}

/// Checks every channel of the text.
fn check_text(text: &str, resolve: &Resolve<'_>, problems: &mut Problems) -> Vec<Checked> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.add_syntax(error.span().map_or(0, |span| span.start), error.message());
    }
    // After an error of syntax the rest may be misread: problems of its own would mislead.
    if problems.has_bad_syntax() {
        return Vec::new();
    }
    let mut checked = Vec::new();
    for (key, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Table(channels) if key.get_ref() == "channel" => {
                checked = check_all(channels, resolve, problems);
            }
            _ => {
                let key_name = key.get_ref();
                let words = format!("{key_name:?} is not known here; a channel is [channel.NAME]");
                problems.add(key.span().start, words);
            }
        }
    }
    checked
}

fn check_all(
    channels: &DeTable<'_>,
    resolve: &Resolve<'_>,
    problems: &mut Problems,
) -> Vec<Checked> {
    let mut checked = Vec::new();
    for (key, value) in channels {
        let name = key.get_ref().as_ref();
        let at = key.span().start;
        check_name(problems, at, name);
        let DeValue::Table(table) = value.get_ref() else {
            problems.add(at, format!("write [channel.{name}] and its keys below it"));
            continue;
        };
        let section = Section::new(table, at, resolve.takes(name), problems);
        checked.push(Checked {
            name: name.to_owned(),
            channel: check_channel(name, section),
        });
    }
    checked
}

/// The name is part of a queue's name and of a file's.
fn check_name(problems: &mut Problems, at: usize, name: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        problems.add(
            at,
            format!("the channel name {name:?} may have letters, digits, - and _, 64 at most"),
        );
    }
}

fn check_channel(name: &str, mut section: Section<'_>) -> Option<Channel> {
    let kinds: Vec<_> = sink::KINDS.iter().map(|kind| (kind.name, kind)).collect();
    let kind = section.choice("sink", &kinds);
    let filter = Filter::read(&mut section);
    let concurrency = section.integer("concurrency", 1..=1024);
    let on_in_doubt = policy::on_in_doubt(&mut section);
    let retry = policy::retry(&mut section);
    let limits = policy::limits(&mut section);
    let ledger = policy::ledger(&mut section);
    let backlog = section.integer("backlog", 1..=10_000_000);
    let Some(kind) = kind else {
        if !section.has("sink") {
            section.missing("sink", "names what delivers, for example \"email\"");
        }
        return None;
    };
    let built = (kind.build)(&mut section);
    if let Some(built) = &built {
        policy::check_sink(&mut section, built.sink.as_ref(), on_in_doubt);
    }
    section.finish();
    let built = built?;
    Some(Channel {
        name: name.to_owned(),
        sink: built.sink,
        recipients: built.recipients,
        filter,
        concurrency: concurrency.unwrap_or(4).try_into().ok()?,
        on_in_doubt,
        retry,
        limits,
        ledger,
        backlog: backlog.unwrap_or(10_000),
    })
}

#[cfg(test)]
mod tests;
