//! The settings as written: which keys stand where, nothing resolved yet.

mod fields;
mod section;

pub(crate) use fields::Fields;
pub(crate) use section::{RawSection, Section};

use crate::document::{Raw, RawEntry, RawKind};
use crate::problem::{Problems, quote};

/// A file as written.
#[derive(Debug, Default)]
pub(crate) struct RawTopology {
    pub(crate) variables: Vec<RawEntry>,
    pub(crate) profiles: Vec<RawEntry>,
    pub(crate) manage: Vec<RawEntry>,
    pub(crate) exchanges: Vec<RawExchange>,
    pub(crate) queues: Vec<RawQueue>,
    pub(crate) sections: Vec<RawSection>,
}

/// `[exchange."NAME"]`.
#[derive(Debug)]
pub(crate) struct RawExchange {
    pub(crate) head: RawHead,
    pub(crate) kind: Option<Raw>,
    pub(crate) durable: Option<Raw>,
    pub(crate) auto_delete: Option<Raw>,
    pub(crate) internal: Option<Raw>,
    pub(crate) body: RawBody,
}

/// `[queue."NAME"]`.
#[derive(Debug)]
pub(crate) struct RawQueue {
    pub(crate) head: RawHead,
    pub(crate) kind: Option<Raw>,
    pub(crate) durable: Option<Raw>,
    pub(crate) auto_delete: Option<Raw>,
    pub(crate) body: RawBody,
}

/// What names and repeats a description.
#[derive(Debug)]
pub(crate) struct RawHead {
    pub(crate) line: u32,
    pub(crate) name: String,
    pub(crate) repeat: Vec<RawEntry>,
}

/// What exchanges and queues have in common.
#[derive(Debug)]
pub(crate) struct RawBody {
    pub(crate) arguments: Vec<RawEntry>,
    pub(crate) unchecked_arguments: Vec<RawEntry>,
    pub(crate) bindings: Vec<RawBinding>,
}

/// One of `bindings`.
#[derive(Debug)]
pub(crate) struct RawBinding {
    pub(crate) line: u32,
    pub(crate) from: Option<Raw>,
    pub(crate) key: Option<Raw>,
    pub(crate) arguments: Vec<RawEntry>,
}

impl RawTopology {
    pub(crate) fn read(document: Vec<RawEntry>, problems: &mut Problems) -> Self {
        let mut keys = vec!["vars", "profile", "manage", "exchange", "queue"];
        keys.extend(Section::ALL.iter().map(|section| section.name()));
        let mut file = Fields::of("the file", document, &keys, problems);
        let variables = file.table("vars", problems);
        let profiles = file.table("profile", problems);
        let manage = file.table("manage", problems);
        let mut sections = Vec::new();
        for section in Section::ALL {
            let entries = file.table(section.name(), problems);
            sections.extend(RawSection::read(section, entries, problems));
        }
        let exchanges = file.table("exchange", problems);
        let queues = file.table("queue", problems);
        Self {
            variables,
            profiles,
            manage,
            sections,
            exchanges: exchanges
                .into_iter()
                .filter_map(|entry| RawExchange::read(entry, problems))
                .collect(),
            queues: queues
                .into_iter()
                .filter_map(|entry| RawQueue::read(entry, problems))
                .collect(),
        }
    }
}

impl RawExchange {
    pub(crate) const KEYS: [&'static str; 8] = [
        "for",
        "type",
        "durable",
        "auto-delete",
        "internal",
        "arguments",
        "unchecked-arguments",
        "bindings",
    ];

    fn read(entry: RawEntry, problems: &mut Problems) -> Option<Self> {
        let (mut head, mut fields) = described("exchange", entry, &Self::KEYS, problems)?;
        head.repeat = fields.table("for", problems);
        Some(Self {
            head,
            kind: fields.take("type"),
            durable: fields.take("durable"),
            auto_delete: fields.take("auto-delete"),
            internal: fields.take("internal"),
            body: RawBody::read(&mut fields, problems),
        })
    }
}

impl RawQueue {
    pub(crate) const KEYS: [&'static str; 7] = [
        "for",
        "type",
        "durable",
        "auto-delete",
        "arguments",
        "unchecked-arguments",
        "bindings",
    ];

    fn read(entry: RawEntry, problems: &mut Problems) -> Option<Self> {
        let (mut head, mut fields) = described("queue", entry, &Self::KEYS, problems)?;
        head.repeat = fields.table("for", problems);
        Some(Self {
            head,
            kind: fields.take("type"),
            durable: fields.take("durable"),
            auto_delete: fields.take("auto-delete"),
            body: RawBody::read(&mut fields, problems),
        })
    }
}

impl RawBody {
    fn read(fields: &mut Fields, problems: &mut Problems) -> Self {
        Self {
            arguments: fields.table("arguments", problems),
            unchecked_arguments: fields.table("unchecked-arguments", problems),
            bindings: bindings(fields.take("bindings"), problems),
        }
    }
}

/// The name of a description and its fields.
fn described(
    what: &str,
    entry: RawEntry,
    keys: &'static [&'static str],
    problems: &mut Problems,
) -> Option<(RawHead, Fields)> {
    let name = quote(&entry.key);
    let RawKind::Table(table) = entry.value.kind else {
        problems.at(
            entry.line,
            format!("{what} {name} is a table: write [{what}.\"NAME\"] and its settings below"),
        );
        return None;
    };
    let fields = Fields::of(&format!("{what} {name}"), table, keys, problems);
    Some((
        RawHead {
            line: entry.line,
            name: entry.key,
            repeat: Vec::new(),
        },
        fields,
    ))
}

fn bindings(raw: Option<Raw>, problems: &mut Problems) -> Vec<RawBinding> {
    const SHAPE: &str =
        "`bindings` is a list of tables: write bindings = [{ from = \"EXCHANGE\", key = \"KEY\" }]";
    let items = match raw {
        Some(Raw {
            kind: RawKind::List(items),
            ..
        }) => items,
        Some(Raw {
            kind: RawKind::Broken,
            ..
        })
        | None => Vec::new(),
        Some(Raw { line, .. }) => {
            problems.at(line, SHAPE);
            Vec::new()
        }
    };
    let mut found = Vec::new();
    for item in items {
        let RawKind::Table(table) = item.kind else {
            problems.at(item.line, SHAPE);
            continue;
        };
        let mut fields = Fields::of("a binding", table, &["from", "key", "arguments"], problems);
        let arguments = fields.table("arguments", problems);
        found.push(RawBinding {
            line: item.line,
            from: fields.take("from"),
            key: fields.take("key"),
            arguments,
        });
    }
    found
}
