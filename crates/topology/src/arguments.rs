//! The broker's arguments: which there are, what they hold, which kind of queue takes them.
//!
//! The broker accepts and ignores an argument that it does not know, so a slip of the pen
//! would go unnoticed; here it does not. `unchecked-arguments` is for what this table does
//! not know: a plugin's, or a newer broker's.

mod known;
mod schema;

use crate::document::RawEntry;
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};
use crate::{Arguments, QueueKind, Scalar, Setting};

pub(crate) use schema::{schema_of_exchange, schema_of_policy, schema_of_queue};

use known::{Known, OF_EXCHANGES, OF_QUEUES, of_policies};

/// The arguments of an exchange.
pub(crate) fn of_exchange(
    raw: &[RawEntry],
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Arguments> {
    all(
        raw,
        |entry, problems| {
            let known = known(&OF_EXCHANGES, "an exchange", entry, problems)?;
            known.holds.read(entry, scope, problems)
        },
        problems,
    )
}

/// The arguments of a queue; without a kind those that depend on it pass.
pub(crate) fn of_queue(
    raw: &[RawEntry],
    kind: Option<QueueKind>,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Arguments> {
    let arguments = all(
        raw,
        |entry, problems| {
            if entry.key == "x-queue-type" {
                problems.at(
                    entry.line,
                    "`x-queue-type` is what `type` says: leave it out here",
                );
                return None;
            }
            let known = known(&OF_QUEUES, "a queue", entry, problems)?;
            if let Some(kind) = kind.filter(|kind| !known.fits.contains(kind)) {
                let fits: Vec<&str> = known.fits.iter().map(|kind| kind.as_str()).collect();
                let (fits, kind) = (fits.join(", "), kind.as_str());
                problems.at(
                    entry.line,
                    format!(
                        "`{}` does not fit type = \"{kind}\" (it fits: {fits})",
                        entry.key
                    ),
                );
                return None;
            }
            known.holds.read(entry, scope, problems)
        },
        problems,
    );
    fit_together(raw, kind, scope, problems)?;
    arguments
}

/// One key of a policy's definition: an argument of queues without its `x-`, or a policy's own.
pub(crate) fn of_policy(
    entry: &RawEntry,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Setting> {
    let Some((_, known)) = of_policies().find(|(name, _)| *name == entry.key) else {
        let hint = did_you_mean(&entry.key, of_policies().map(|(name, _)| name));
        let key = quote(&entry.key);
        problems.at(
            entry.line,
            format!("{key} is nothing that a policy sets, as far as is known here{hint}: a plugin's or a newer broker's goes into `unchecked-definition`"),
        );
        return None;
    };
    known.holds.read(entry, scope, problems).map(Setting::from)
}

/// Arguments that nobody checks: any scalar.
pub(crate) fn unchecked(
    raw: &[RawEntry],
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Arguments> {
    all(
        raw,
        |entry, problems| {
            if entry.key.len() > 255 {
                problems.at(
                    entry.line,
                    format!("the name {} is longer than 255 bytes", quote(&entry.key)),
                );
                return None;
            }
            scope.scalar(&entry.value, "an argument", problems)
        },
        problems,
    )
}

/// Parts the arguments of a queue (or, without a kind, of an exchange) into those that a file
/// can say under `arguments` and those that must be unchecked. The texts come as templates.
pub(crate) fn parted(arguments: &Arguments, kind: Option<QueueKind>) -> (Arguments, Arguments) {
    let none = crate::evaluate::Variables::new();
    let scope = Scope {
        variables: &none,
        turn: &[],
    };
    let passes = |entries: &[RawEntry]| {
        let mut problems = Problems::default();
        let _ = match kind {
            Some(_) => of_queue(entries, kind, scope, &mut problems),
            None => of_exchange(entries, scope, &mut problems),
        };
        problems.is_empty()
    };
    let known = |name: &str, setting: &Setting| {
        let table: &[Known] = match kind {
            Some(_) => &OF_QUEUES,
            None => &OF_EXCHANGES,
        };
        let found = table.iter().find(|known| known.name == name)?;
        let fits = kind.is_none_or(|kind| found.fits.contains(&kind));
        let entry = RawEntry::of(name, setting)?;
        let read = found.holds.read(&entry, scope, &mut Problems::default());
        (fits && read.is_some()).then_some(entry)
    };
    let (mut good, mut rest) = (Arguments::new(), Arguments::new());
    let mut entries = Vec::new();
    for (name, setting) in arguments {
        match known(name, setting) {
            Some(entry) => {
                entries.push(entry);
                good.insert(name.clone(), setting.clone());
            }
            None => {
                rest.insert(name.clone(), setting.clone());
            }
        }
    }
    if passes(&entries) {
        (good, rest)
    } else {
        (Arguments::new(), arguments.clone())
    }
}

/// Whether a policy's key is one that a file can say under `definition`.
pub(crate) fn policy_knows(name: &str, setting: &Setting) -> bool {
    let none = crate::evaluate::Variables::new();
    let scope = Scope {
        variables: &none,
        turn: &[],
    };
    let entry = RawEntry::of(name, setting);
    entry.is_some_and(|entry| of_policy(&entry, scope, &mut Problems::default()).is_some())
}

/// Reads every argument, also after one has failed.
fn all(
    raw: &[RawEntry],
    mut read: impl FnMut(&RawEntry, &mut Problems) -> Option<Scalar>,
    problems: &mut Problems,
) -> Option<Arguments> {
    let read: Vec<_> = raw
        .iter()
        .map(|entry| Some((entry.key.clone(), read(entry, problems)?.into())))
        .collect();
    read.into_iter().collect()
}

fn known(
    table: &'static [Known],
    what: &str,
    entry: &RawEntry,
    problems: &mut Problems,
) -> Option<&'static Known> {
    let found = table.iter().find(|known| known.name == entry.key);
    if found.is_none() {
        let hint = did_you_mean(&entry.key, table.iter().map(|known| known.name));
        let key = quote(&entry.key);
        problems.at(
            entry.line,
            format!("{key} is no argument of {what} that is known here{hint}: a plugin's or a newer broker's goes into `unchecked-arguments`"),
        );
    }
    found
}

/// The text of an argument; nothing when there is none. What is wrong with it is not told here.
pub(crate) fn text(raw: &[RawEntry], name: &str, scope: Scope<'_>) -> Option<String> {
    let entry = raw.iter().find(|entry| entry.key == name)?;
    scope.text(&entry.value, name, &mut Problems::default())
}

/// What the broker would refuse because one argument needs another.
fn fit_together(
    raw: &[RawEntry],
    kind: Option<QueueKind>,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<()> {
    let find = |name: &str| raw.iter().find(|entry| entry.key == name);
    let says = |name: &str, wanted: &str| text(raw, name, scope).is_some_and(|text| text == wanted);
    let mut fits = Some(());
    let mut refuse = |name: &str, message: &str| {
        if let Some(entry) = find(name) {
            problems.at(entry.line, message);
            fits = None;
        }
    };
    if find("x-dead-letter-exchange").is_none() {
        refuse(
            "x-dead-letter-routing-key",
            "`x-dead-letter-routing-key` needs `x-dead-letter-exchange`",
        );
        refuse(
            "x-dead-letter-strategy",
            "`x-dead-letter-strategy` needs `x-dead-letter-exchange`",
        );
    }
    let overflow_may_fit = says("x-overflow", "reject-publish")
        || (find("x-overflow").is_some() && text(raw, "x-overflow", scope).is_none());
    if says("x-dead-letter-strategy", "at-least-once") && !overflow_may_fit {
        refuse(
            "x-dead-letter-strategy",
            "dead-lettering \"at-least-once\" needs x-overflow = \"reject-publish\"",
        );
    }
    if kind == Some(QueueKind::Quorum) && says("x-overflow", "reject-publish-dlx") {
        refuse(
            "x-overflow",
            "\"reject-publish-dlx\" does not fit type = \"quorum\" (it fits: classic)",
        );
    }
    fits
}
