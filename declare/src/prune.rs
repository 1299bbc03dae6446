//! `declare prune`: deletes what the file owns and does not describe, and nothing else.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use broker::{Error, Management, ManagementError};
use clap::Args;
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::{Action, Counts, Entry, Key, Object, QueueKind, Topology};

use crate::apply::half_way;
use crate::consent::{self, Consent};
use crate::flags::{OutputArgs, PlaceArgs};
use crate::outcome::Outcome;
use crate::place::{NoManagement, Place};
use crate::report::Report;
use crate::session::Session;
use crate::survey::{Survey, known, survey};
use crate::{able, show, verdict};

/// What `prune` takes.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Also deletes queues that hold messages or have consumers, exchanges from which others are
    /// bound, and vhosts: all that is in them is lost
    #[arg(long)]
    even_if_not_empty: bool,
    /// Does not ask
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Plans, asks, and deletes; what holds something is looked at again the moment before.
///
/// # Errors
/// Exit code 1 when the broker is away or refused something, 12 when something was kept because
/// it is not empty, 2 when the file owns nothing or nobody could be asked.
pub(crate) async fn prune(
    topology: &Topology,
    args: &PruneArgs,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    if topology.scope.is_empty() {
        return Err(Fault::Usage(format!(
            "{}: the file owns nothing, so nothing can be pruned: say under [manage] what it owns, for example queues = [\"NAME.*\"]",
            topology.file
        )));
    }
    let place = Place::open(&args.place).await?;
    able::version(&place.server)?;
    let management = match &place.management {
        Ok(management) => management,
        Err(NoManagement(why)) => {
            return Err(anyhow!(
                "prune: AMQP cannot list what there is, and there is no management API: {why}"
            )
            .into());
        }
    };
    let mut survey = survey(topology, &place).await?;
    survey
        .plan
        .entries
        .retain(|entry| entry.action == Action::Destroy);
    let doomed = survey.plan.entries.len();
    if doomed > 0 && !args.yes {
        let objects = show::counted(doomed as u64, "object");
        let question = format!("delete {objects} from {}?", survey.plan.live);
        match consent::ask(&question, &survey.plan, stop).await? {
            Consent::Given => {}
            Consent::Refused => return Err(consent::refused()),
        }
    }
    let mut report = Report::of("prune", &survey.plan, args.output.output, doomed);
    let pruner = Pruner {
        topology,
        management,
        survey: &survey,
        statistics: management.counts().await?,
        even_if_not_empty: args.even_if_not_empty,
    };
    let result = pruner.all(&place, &mut report, stop).await;
    let broken = result.as_ref().err().map(|error| format!("{error:#}"));
    report.end(broken.as_deref())?;
    let counts = report.counts;
    result.with_context(|| half_way(&counts))?;
    match (counts.failed, counts.kept) {
        (0, 0) => Ok(()),
        (0, kept) => Err(Fault::Exit {
            code: verdict::DESTRUCTIVE,
            message: format!(
                "{kept} kept because they are in use: --even-if-not-empty deletes them"
            ),
        }),
        (failed, _) => Err(anyhow!("prune everything: {failed} refused by the broker").into()),
    }
}

struct Pruner<'a> {
    topology: &'a Topology,
    management: &'a Management,
    survey: &'a Survey,
    statistics: BTreeMap<String, Counts>,
    even_if_not_empty: bool,
}

impl Pruner<'_> {
    async fn all(
        &self,
        place: &Place,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut session = Session::open(&place.endpoint).await?;
        let mut entries = self.survey.plan.entries.iter();
        let mut broken = None;
        for entry in entries.by_ref() {
            let outcome = tokio::select! {
                outcome = self.one(entry, &mut session) => outcome,
                () = stop.cancelled() => Err(anyhow!("it was stopped by a signal")),
            };
            match outcome {
                Ok(outcome) => report.note(entry, &outcome)?,
                Err(error) => {
                    report.note(entry, &Outcome::NotTried)?;
                    broken = Some(error.context(format!("delete {}", entry.name)));
                    break;
                }
            }
        }
        for entry in entries {
            report.note(entry, &Outcome::NotTried)?;
        }
        session.close().await;
        broken.map_or(Ok(()), Err)
    }

    async fn one(&self, entry: &Entry, session: &mut Session<'_>) -> anyhow::Result<Outcome> {
        match &entry.live {
            Some(Object::Queue(queue)) => self.queue(&queue.name, queue.kind, session).await,
            Some(Object::Exchange(exchange)) => self.exchange(&exchange.name, session).await,
            Some(Object::Vhost(_)) if !self.even_if_not_empty => Ok(Outcome::Kept(
                "a vhost is deleted with all that is in it".to_owned(),
            )),
            Some(other) => match self.management.delete_object(&other.key()).await {
                Ok(()) => Ok(Outcome::Destroyed),
                Err(error @ (ManagementError::Unreachable(_) | ManagementError::Failed(_))) => {
                    Err(error.into())
                }
                Err(error) => Ok(Outcome::Failed(format!("failed to {error}"))),
            },
            None => Ok(Outcome::Failed(
                "the plan does not say what it is".to_owned(),
            )),
        }
    }

    async fn queue(
        &self,
        name: &str,
        kind: QueueKind,
        session: &mut Session<'_>,
    ) -> anyhow::Result<Outcome> {
        let guarded = !self.even_if_not_empty;
        if guarded {
            let now = session.counts(name).await?.unwrap_or_default();
            let then = self.statistics.get(name).copied().unwrap_or_default();
            let counts = known(now, then);
            if counts != Counts::default() {
                return Ok(Outcome::Kept(format!("it holds {}", show::holds(counts))));
            }
        }
        // Only classic queues know the broker's own guard; the others were looked at just now.
        let by_the_broker = guarded && kind == QueueKind::Classic;
        let deleted = session
            .call(async |channel| channel.delete_queue(name, by_the_broker).await)
            .await;
        outcome(deleted)
    }

    /// An exchange goes with the bindings that lead from it; those to objects of others are not
    /// this file's to delete.
    async fn exchange(&self, name: &str, session: &mut Session<'_>) -> anyhow::Result<Outcome> {
        if !self.even_if_not_empty {
            let bindings = self.management.bindings_from(name).await?;
            let others = bindings
                .into_iter()
                .filter(|one| !self.topology.scope.owns(&Key::Binding(one.clone())))
                .count();
            if others > 0 {
                return Ok(Outcome::Kept(format!(
                    "bindings lead from it to what the file does not own: {others}"
                )));
            }
        }
        let deleted = session
            .call(async |channel| channel.delete_exchange(name).await)
            .await;
        outcome(deleted)
    }
}

fn outcome(deleted: Result<(), Error>) -> anyhow::Result<Outcome> {
    match deleted {
        Ok(()) | Err(Error::Missing(_)) => Ok(Outcome::Destroyed),
        Err(Error::Conflict(words)) => Ok(Outcome::Kept(words)),
        Err(error @ Error::Lost(_)) => Err(error.into()),
        Err(error) => Ok(Outcome::Failed(format!("failed to {error}"))),
    }
}
