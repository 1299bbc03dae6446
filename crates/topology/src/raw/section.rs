//! The sections beside exchanges and queues: a name, or two, and settings below.

use super::{Fields, RawHead};
use crate::document::{RawEntry, RawKind};
use crate::problem::{Problems, quote};

/// Which section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Vhost,
    User,
    Permission,
    TopicPermission,
    Parameter,
    Policy,
    OperatorPolicy,
}

/// `[policy."NAME"]`, or `[parameter."COMPONENT"."NAME"]`.
#[derive(Debug)]
pub(crate) struct RawSection {
    pub(crate) section: Section,
    pub(crate) head: RawHead,
    /// The second of two names.
    pub(crate) second: String,
    pub(crate) fields: Fields,
}

impl Section {
    pub(crate) const ALL: [Self; 7] = [
        Self::Vhost,
        Self::User,
        Self::Permission,
        Self::TopicPermission,
        Self::Parameter,
        Self::Policy,
        Self::OperatorPolicy,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vhost => "vhost",
            Self::User => "user",
            Self::Permission => "permission",
            Self::TopicPermission => "topic-permission",
            Self::Parameter => "parameter",
            Self::Policy => "policy",
            Self::OperatorPolicy => "operator-policy",
        }
    }

    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Vhost => &["for", "description", "tags", "default-queue-type", "limits"],
            Self::User => &["for", "tags", "password"],
            Self::Permission => &["for", "configure", "write", "read"],
            Self::TopicPermission => &["for", "write", "read"],
            Self::Parameter => &["for", "value"],
            Self::Policy | Self::OperatorPolicy => &[
                "for",
                "pattern",
                "apply-to",
                "priority",
                "definition",
                "unchecked-definition",
            ],
        }
    }

    /// What stands for the names in the section's head.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::TopicPermission => &["USER", "EXCHANGE"],
            Self::Parameter => &["COMPONENT", "NAME"],
            Self::Permission => &["USER"],
            _ => &["NAME"],
        }
    }
}

impl RawSection {
    pub(super) fn read(
        section: Section,
        entries: Vec<RawEntry>,
        problems: &mut Problems,
    ) -> Vec<Self> {
        let mut found = Vec::new();
        for entry in entries {
            let RawKind::Table(table) = entry.value.kind else {
                no_table(section, &entry, problems);
                continue;
            };
            if section.names().len() == 1 {
                found.push(Self::of(
                    section,
                    entry.line,
                    entry.key,
                    String::new(),
                    table,
                    problems,
                ));
                continue;
            }
            for second in table {
                let RawKind::Table(table) = second.value.kind else {
                    no_table(section, &second, problems);
                    continue;
                };
                let (line, first) = (second.line, entry.key.clone());
                found.push(Self::of(section, line, first, second.key, table, problems));
            }
        }
        found
    }

    fn of(
        section: Section,
        line: u32,
        name: String,
        second: String,
        table: Vec<RawEntry>,
        problems: &mut Problems,
    ) -> Self {
        let what = format!("{} {}", section.name(), quote(&name));
        let mut fields = Fields::of(&what, table, section.keys(), problems);
        let repeat = fields.table("for", problems);
        Self {
            section,
            head: RawHead { line, name, repeat },
            second,
            fields,
        }
    }
}

fn no_table(section: Section, entry: &RawEntry, problems: &mut Problems) {
    if matches!(entry.value.kind, RawKind::Broken) {
        return;
    }
    let names: Vec<String> = section
        .names()
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    let (what, head) = (section.name(), names.join("."));
    problems.at(
        entry.line,
        format!(
            "{what} {} is a table: write [{what}.{head}] and its settings below",
            quote(&entry.key)
        ),
    );
}
