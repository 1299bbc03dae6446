//! `declare apply`: creates what is missing.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, anyhow};
use broker::{Endpoint, Error};
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::{Binding, Destination, Exchange, Queue, Step, Topology};

use crate::outcome::{Counts, Outcome, tell};
use crate::session::Session;
use crate::{able, object};

/// The exit code when something exists with other properties.
const CONFLICT: u8 = 11;

/// Declares everything, one object after the other, and goes on after what the broker refuses.
///
/// # Errors
/// Exit code 1 when the broker is away, not able, or refused something, or when stopped; 11 when
/// objects conflict and nothing else went wrong.
pub(crate) async fn apply(
    topology: &Topology,
    endpoint: &Endpoint,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let what = || format!("declare {} on {endpoint}", topology.file);
    let mut session = Session::open(endpoint).await.with_context(what)?;
    able::check(topology, endpoint, &mut session)
        .await
        .with_context(what)?;
    let plan = topology.steps();
    let mut applier = Applier {
        file: &topology.file,
        session,
        fallen: BTreeSet::new(),
        counts: Counts::default(),
    };
    let result = tokio::select! {
        result = applier.all(&plan) => result,
        () = stop.cancelled() => Err(anyhow!("it was stopped by a signal")),
    };
    let counts = applier.counts;
    writeln!(std::io::stdout(), "{counts}").context("write the results to stdout")?;
    let all = plan.len();
    result.with_context(|| {
        format!(
            "finish ({} of {all} objects are done, and it is safe to run again)",
            counts.done()
        )
    })?;
    applier.session.close().await;
    ended(&counts)
}

fn ended(counts: &Counts) -> Result<(), Fault> {
    let what = "failed to declare everything:";
    let (code, message) = match counts {
        Counts {
            failed: 0,
            conflicts: 0,
            ..
        } => return Ok(()),
        Counts {
            failed: 0,
            conflicts,
            ..
        } => (
            CONFLICT,
            format!(
                "{what} {conflicts} in conflict, left as they are: change the file, or delete them first"
            ),
        ),
        Counts {
            failed,
            conflicts: 0,
            ..
        } => (1, format!("{what} {failed} refused by the broker")),
        Counts {
            failed, conflicts, ..
        } => (
            1,
            format!("{what} {failed} refused by the broker, {conflicts} in conflict"),
        ),
    };
    Err(Fault::Exit { code, message })
}

struct Applier<'a> {
    file: &'a str,
    session: Session<'a>,
    /// What does not stand as wanted: nothing is bound to it.
    fallen: BTreeSet<Destination>,
    counts: Counts,
}

impl Applier<'_> {
    async fn all(&mut self, plan: &[Step<'_>]) -> anyhow::Result<()> {
        for step in plan {
            let outcome = self.one(step).await.with_context(|| {
                format!("declare {} {}", object::kind(step), object::name(step))
            })?;
            tell(&mut std::io::stdout(), self.file, step, &outcome)?;
            self.counts.add(&outcome);
            if !outcome.stands() {
                self.fallen.extend(destination(step));
            }
        }
        Ok(())
    }

    /// Fails only when the connection is lost.
    async fn one(&mut self, step: &Step<'_>) -> Result<Outcome, Error> {
        match step {
            Step::Exchange(one) => self.exchange(&one.value).await,
            Step::Queue(one) => self.queue(&one.value).await,
            Step::Binding(one) => self.binding(&one.value).await,
        }
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Result<Outcome, Error> {
        let name = exchange.name.as_str();
        let there = match self
            .session
            .call(async |channel| channel.exchange_exists(name).await)
            .await
        {
            Ok(there) => there,
            Err(error) => return refused(error, false),
        };
        let wanted = object::exchange(exchange);
        let declared = self
            .session
            .call(async |channel| channel.declare_exchange(&wanted).await)
            .await;
        outcome(declared, there)
    }

    async fn queue(&mut self, queue: &Queue) -> Result<Outcome, Error> {
        let name = queue.name.as_str();
        let there = match self
            .session
            .call(async |channel| channel.queue_exists(name).await)
            .await
        {
            Ok(there) => there,
            Err(error) => return refused(error, false),
        };
        let wanted = object::queue(queue);
        let declared = self
            .session
            .call(async |channel| channel.declare_queue(&wanted).await)
            .await;
        outcome(declared, there)
    }

    async fn binding(&mut self, binding: &Binding) -> Result<Outcome, Error> {
        let ends = [
            Destination::Exchange(binding.from.clone()),
            binding.to.clone(),
        ];
        if let Some(fallen) = ends.iter().find(|end| self.fallen.contains(*end)) {
            let kind = match fallen {
                Destination::Exchange(_) => "exchange",
                Destination::Queue(_) => "queue",
            };
            return Ok(Outcome::Skipped(format!("{kind} {}", fallen.name())));
        }
        let wanted = object::binding(binding);
        match self
            .session
            .call(async |channel| channel.bind(&wanted).await)
            .await
        {
            Ok(()) => Ok(Outcome::Bound),
            Err(error) => refused(error, false),
        }
    }
}

/// What the answer to a declaration means for something that was there before or was not.
fn outcome(declared: Result<(), Error>, there: bool) -> Result<Outcome, Error> {
    match declared {
        Ok(()) if there => Ok(Outcome::AlreadyThere),
        Ok(()) => Ok(Outcome::Created),
        Err(error) => refused(error, there),
    }
}

/// Only what exists can conflict: the same refusal of a new object means that the broker makes none.
fn refused(error: Error, there: bool) -> Result<Outcome, Error> {
    match error {
        Error::Lost(words) if able::lacks_a_feature(&words) => Ok(Outcome::Failed(words)),
        Error::Lost(_) => Err(error),
        Error::Conflict(words) if there => Ok(Outcome::Conflict(words)),
        Error::Conflict(words)
        | Error::Denied(words)
        | Error::Missing(words)
        | Error::Protocol(words) => Ok(Outcome::Failed(words)),
        other => Ok(Outcome::Failed(other.to_string())),
    }
}

fn destination(step: &Step<'_>) -> Option<Destination> {
    match step {
        Step::Exchange(one) => Some(Destination::Exchange(one.value.name.clone())),
        Step::Queue(one) => Some(Destination::Queue(one.value.name.clone())),
        Step::Binding(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ended, outcome};
    use crate::outcome::{Counts, Outcome};
    use broker::Error;
    use program::Fault;

    #[test]
    fn only_what_was_there_can_conflict() {
        let refusal = || Err(Error::Conflict("no".to_owned()));
        assert_eq!(
            outcome(refusal(), true).unwrap(),
            Outcome::Conflict("no".to_owned())
        );
        assert_eq!(
            outcome(refusal(), false).unwrap(),
            Outcome::Failed("no".to_owned())
        );
        assert_eq!(outcome(Ok(()), true).unwrap(), Outcome::AlreadyThere);
        assert_eq!(outcome(Ok(()), false).unwrap(), Outcome::Created);
        assert!(outcome(Err(Error::Lost("gone".to_owned())), true).is_err());
    }

    #[test]
    fn conflicts_alone_end_with_11_and_refusals_with_1() {
        let code = |counts| match ended(&counts) {
            Ok(()) => 0,
            Err(Fault::Exit { code, .. }) => code,
            Err(_) => 99,
        };
        let (conflicts, failed) = (1, 1);
        assert_eq!(
            code(Counts {
                created: 1,
                ..Counts::default()
            }),
            0
        );
        assert_eq!(
            code(Counts {
                conflicts,
                ..Counts::default()
            }),
            11
        );
        assert_eq!(
            code(Counts {
                conflicts,
                failed,
                ..Counts::default()
            }),
            1
        );
    }
}
