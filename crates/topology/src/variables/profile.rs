//! `[profile.NAME]`: other defaults for the same variables.

use std::collections::BTreeMap;

use crate::document::{Raw, RawEntry, RawKind};
use crate::problem::{Problems, did_you_mean, quote};

/// Puts the values of the chosen profile in the place of the defaults. Every profile is looked
/// at, chosen or not.
pub(super) fn choose<'a>(
    profiles: &'a [RawEntry],
    chosen: Option<&str>,
    defaults: &mut BTreeMap<&'a str, &'a RawEntry>,
    problems: &mut Problems,
) {
    for profile in profiles {
        let RawKind::Table(entries) = &profile.value.kind else {
            let name = quote(&profile.key);
            problems.at(
                profile.line,
                format!(
                    "profile {name} is a table: write [profile.NAME] and values of variables below"
                ),
            );
            continue;
        };
        for entry in entries {
            look_at(entry, &profile.key, defaults, problems);
        }
        if chosen == Some(profile.key.as_str()) {
            for entry in entries {
                if let Some(default) = defaults.get_mut(entry.key.as_str()) {
                    *default = entry;
                }
            }
        }
    }
    let Some(chosen) = chosen else { return };
    if !profiles.iter().any(|profile| profile.key == chosen) {
        let hint = did_you_mean(chosen, profiles.iter().map(|profile| profile.key.as_str()));
        problems.elsewhere(
            format!("--profile {chosen}"),
            format!("the file has no profile {}{hint}", quote(chosen)),
        );
    }
}

fn look_at(
    entry: &RawEntry,
    profile: &str,
    defaults: &BTreeMap<&str, &RawEntry>,
    problems: &mut Problems,
) {
    let Some(default) = defaults.get(entry.key.as_str()) else {
        let hint = did_you_mean(&entry.key, defaults.keys().copied());
        let (name, profile) = (quote(&entry.key), quote(profile));
        problems.at(
            entry.line,
            format!("profile {profile} sets {name}, which is no variable of [vars]{hint}"),
        );
        return;
    };
    let (wanted, found) = (default.value.kind(), entry.value.kind());
    if wanted != found && !refers(&default.value) && !refers(&entry.value) {
        let name = quote(&entry.key);
        problems.at(
            entry.value.line,
            format!("{name} is {wanted} in [vars], and this is {found}"),
        );
    }
}

/// Whether the value may be of another type than it is written in.
fn refers(raw: &Raw) -> bool {
    matches!(&raw.kind, RawKind::Broken)
        || matches!(&raw.kind, RawKind::Scalar(crate::Scalar::Text(text)) if text.starts_with("${"))
}
