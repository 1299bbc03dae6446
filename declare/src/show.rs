//! A plan for people.

use std::io::{self, Write};

use topology::{Action, Counts, Entry, Plan, Setting};

use crate::verdict;

/// How many objects of others are listed by name.
const MOST_UNMANAGED: usize = 20;

/// Writes a plan: what differs, object by object, and a summary.
pub(crate) fn plan(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let (unmanaged, ours): (Vec<&Entry>, Vec<&Entry>) = plan
        .entries
        .iter()
        .partition(|entry| entry.action == Action::Unmanaged);
    let listed = unmanaged.iter().take(MOST_UNMANAGED).copied();
    for one in ours.into_iter().chain(listed) {
        entry(out, &plan.wanted, one)?;
    }
    if let Some(more) = unmanaged
        .len()
        .checked_sub(MOST_UNMANAGED)
        .filter(|more| *more > 0)
    {
        writeln!(out, "  and {more} more that are not of this file")?;
    }
    writeln!(out, "{}", verdict::summary(plan))
}

/// The mark, the kind and the name, and below them what there is to say.
pub(crate) fn entry(out: &mut impl Write, file: &str, entry: &Entry) -> io::Result<()> {
    let kind = entry.key().map_or("object", |key| key.kind());
    writeln!(out, "{} {kind:<8}  {}", mark(entry.action), entry.name)?;
    if let (Some(line), Action::Conflict | Action::Change) = (entry.line, entry.action) {
        writeln!(out, "    {file}:{line}")?;
    }
    let shown = |setting: &Option<Setting>| match setting {
        Some(setting) => setting.to_string(),
        None => "nothing".to_owned(),
    };
    for one in &entry.differences {
        let (wanted, live) = (shown(&one.wanted), shown(&one.live));
        writeln!(out, "    {}: wanted {wanted}, live {live}", one.property)?;
    }
    if let Some(counts) = entry.counts {
        writeln!(out, "    it holds {}", holds(counts))?;
    }
    if let Some(evidence) = &entry.evidence {
        let known = if entry.action == Action::Conflict {
            "the broker says"
        } else {
            "verified"
        };
        for one in &evidence.verified {
            writeln!(out, "    {known}: {one}")?;
        }
        for one in &evidence.unverified {
            writeln!(out, "    not verified: {one}")?;
        }
    }
    match &entry.remedy {
        Some(remedy) => writeln!(out, "    remedy: {remedy}"),
        None => Ok(()),
    }
}

/// Messages and consumers, in words.
pub(crate) fn holds(counts: Counts) -> String {
    let (messages, consumers) = (counts.messages, counts.consumers);
    format!(
        "{} and has {}",
        counted(messages, "message"),
        counted(consumers, "consumer")
    )
}

/// `1 queue`, `2 queues`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn mark(action: Action) -> &'static str {
    match action {
        Action::Create => "+ create    ",
        Action::Change => "~ change    ",
        Action::Conflict => "! conflict  ",
        Action::Destroy => "- destroy   ",
        Action::Unmanaged => "  unmanaged ",
        Action::Unverified => "? unverified",
    }
}
