//! `declare apply`: creates what is missing, and changes what the broker can change.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::{Action, Entry, Plan, Topology};

use crate::carry::Carrier;
use crate::consent::{self, Consent};
use crate::flags::{OutputArgs, PlaceArgs};
use crate::outcome::{Counts, Outcome};
use crate::place::Place;
use crate::report::Report;
use crate::survey::survey;
use crate::{able, saved, show, verdict};

/// What `apply` takes.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A plan that `plan -o` wrote: applied only if the broker and the file still give the same
    #[arg(value_name = "PLAN")]
    pub(crate) saved: Option<PathBuf>,
    /// Does not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Makes queues anew that the broker cannot change: with every live binding, their messages
    /// moved through a waiting queue. Goes on where a killed run stopped. Cannot promise the order
    /// against new arrivals, nor that none comes twice
    #[arg(long, conflicts_with = "saved")]
    pub(crate) migrate: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Plans, asks, and carries out what creates and changes. Goes on after what the broker refuses.
///
/// # Errors
/// Exit code 1 when the broker is away, not able, or refused something, or when stopped; 11 when
/// objects conflict and nothing else went wrong; 2 when nobody could be asked.
pub(crate) async fn apply(
    topology: &Topology,
    args: &ApplyArgs,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    if args.migrate {
        Box::pin(crate::migrate::migrate(topology, args, stop)).await?;
    }
    let place = Place::open(&args.place).await?;
    able::version(&place.server)?;
    let survey = survey(topology, &place).await?;
    if let Some(file) = &args.saved {
        saved::still_holds(file, &survey.plan)?;
    }
    let pending = survey
        .plan
        .entries
        .iter()
        .filter(|entry| is_pending(entry))
        .count();
    let agreed = args.yes || args.saved.is_some() || pending == 0;
    if !agreed {
        let changes = show::counted(pending as u64, "change");
        let question = format!("apply {changes} to {}?", survey.plan.live);
        match consent::ask(&question, &survey.plan, stop).await? {
            Consent::Given => {}
            Consent::Refused => return Err(consent::refused()),
        }
    }
    let mut report = Report::of("apply", &survey.plan, args.output.output, pending);
    report.in_sync(survey.plan.in_sync);
    for entry in survey.plan.of(Action::Conflict) {
        report.note(entry, &Outcome::Conflict(conflict(entry)))?;
    }
    let result = Carrier::new(&place, &survey).apply(&mut report, stop).await;
    let broken = result.as_ref().err().map(|error| format!("{error:#}"));
    report.end(broken.as_deref())?;
    let counts = report.counts;
    result.with_context(|| half_way(&counts))?;
    ended(&counts)
}

/// Whether `apply` has something to do about it.
pub(crate) fn is_pending(entry: &Entry) -> bool {
    matches!(
        entry.action,
        Action::Create | Action::Change | Action::Unverified
    )
}

/// What differs and what can be done, on one line.
pub(crate) fn conflict(entry: &Entry) -> String {
    let mut words: Vec<String> = Vec::new();
    for one in &entry.differences {
        let shown = |setting: &Option<topology::Setting>| {
            setting
                .as_ref()
                .map_or("nothing".to_owned(), ToString::to_string)
        };
        let (wanted, live) = (shown(&one.wanted), shown(&one.live));
        words.push(format!("{}: wanted {wanted}, live {live}", one.property));
    }
    let told = entry
        .evidence
        .iter()
        .flat_map(|evidence| &evidence.verified);
    words.extend(told.cloned());
    let remedy = entry
        .remedy
        .as_ref()
        .map(|remedy| format!("remedy: {remedy}"));
    words.extend(remedy);
    words.join("; ")
}

/// The context of an error that came in the middle.
pub(crate) fn half_way(counts: &Counts) -> String {
    format!(
        "finish ({} of {} objects are done, and it is safe to run again)",
        counts.done(),
        counts.all()
    )
}

fn ended(counts: &Counts) -> Result<(), Fault> {
    let troubles = [
        (counts.failed, "refused by the broker"),
        (counts.conflicts, "in conflict, left as they are"),
    ];
    let said: Vec<String> = troubles
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    let code = if counts.failed > 0 {
        1
    } else {
        verdict::CONFLICTS
    };
    Err(Fault::Exit {
        code,
        message: format!("failed to declare everything: {}", said.join(", ")),
    })
}

/// The parts of a plan that do not change by themselves.
pub(crate) fn core(plan: &Plan) -> Vec<Entry> {
    plan.entries
        .iter()
        .filter(|entry| entry.action != Action::Unmanaged)
        .map(|entry| Entry {
            counts: None,
            ..entry.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::ended;
    use crate::outcome::Counts;
    use program::Fault;

    #[test]
    fn conflicts_alone_end_with_11_and_refusals_with_1() {
        let code = |counts| match ended(&counts) {
            Ok(()) => 0,
            Err(Fault::Exit { code, .. }) => code,
            Err(_) => 99,
        };
        let counts = |created, conflicts, failed| Counts {
            created,
            conflicts,
            failed,
            ..Counts::default()
        };
        assert_eq!(code(counts(1, 0, 0)), 0);
        assert_eq!(code(counts(1, 1, 0)), 11);
        assert_eq!(code(counts(0, 1, 1)), 1);
    }
}
