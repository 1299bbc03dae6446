//! Carries out what a plan creates and changes.

use std::collections::BTreeSet;

use anyhow::{Context, anyhow};
use broker::{Error, ManagementError};
use tokio_util::sync::CancellationToken;
use topology::{Action, Destination, Entry, Key, Object, Scope, Setting, State, diff};

use crate::able;
use crate::apply::{conflict, is_pending};
use crate::batch::{AT_ONCE, Batches};
use crate::outcome::Outcome;
use crate::place::{NoManagement, Place};
use crate::report::Report;
use crate::secrets;
use crate::survey::Survey;

/// Carries out a plan.
pub(crate) struct Carrier<'a> {
    place: &'a Place,
    survey: &'a Survey,
    /// What does not stand as wanted: nothing is bound to it.
    fallen: BTreeSet<Key>,
}

/// What is declared together: nothing in one needs another of the same, and each may need those
/// before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wave {
    /// What AMQP cannot create: users, permissions, policies.
    Managed,
    Exchanges,
    /// Those that hand on to an alternate, after it, so that nothing gets lost in between.
    HandingOn,
    Queues,
    Bindings,
}

impl<'a> Carrier<'a> {
    pub(crate) fn new(place: &'a Place, survey: &'a Survey) -> Self {
        let conflicts = survey.plan.of(Action::Conflict).filter_map(Entry::key);
        Self {
            place,
            survey,
            fallen: conflicts.collect(),
        }
    }

    /// Creates and changes all, wave after wave, and goes on after what the broker refuses.
    ///
    /// # Errors
    /// When the broker is lost or not able, or when stopped; what was not come to is in the
    /// report.
    pub(crate) async fn apply(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let plan = &self.survey.plan;
        let pending = |wave| {
            let entries = plan.entries.iter();
            entries.filter(move |entry| is_pending(entry) && Wave::of(entry) == wave)
        };
        let (managed, declared): (Vec<&Entry>, Vec<&Entry>) = plan
            .entries
            .iter()
            .filter(|entry| is_pending(entry))
            .partition(|entry| Wave::of(entry) == Wave::Managed);
        if !declared.is_empty() && !self.creates_its_vhost() {
            self.check_kinds().await?;
        }
        let mut left: Vec<&Entry> = Vec::new();
        let mut broken = None;
        let mut put: Vec<(&Entry, Outcome)> = Vec::new();
        for entry in managed {
            if broken.is_none() {
                match self.managed(entry, stop).await {
                    Ok(outcome) => {
                        put.push((entry, outcome));
                        continue;
                    }
                    Err(error) => broken = Some(error),
                }
            }
            left.push(entry);
        }
        if broken.is_none() {
            broken = self.look_again(&mut put).await.err();
        }
        for (entry, outcome) in put {
            self.note(entry, &outcome, report)?;
        }
        let mut batches = None;
        for wave in [
            Wave::Exchanges,
            Wave::HandingOn,
            Wave::Queues,
            Wave::Bindings,
        ] {
            let entries: Vec<&Entry> = pending(wave).collect();
            for batch in entries.chunks(AT_ONCE) {
                if broken.is_none() {
                    let done = self.declared(batch, &mut batches, report, stop).await;
                    broken = done.err();
                    if broken.is_none() {
                        continue;
                    }
                }
                left.extend(batch);
            }
        }
        if let Some(batches) = batches {
            batches.close().await;
        }
        for entry in left {
            report.note(entry, &Outcome::NotTried)?;
        }
        broken.map_or(Ok(()), Err)
    }

    async fn check_kinds(&self) -> anyhow::Result<()> {
        let mut session = crate::session::Session::open(&self.place.endpoint).await?;
        let checked = able::kinds(&self.survey.plan, &mut session).await;
        session.close().await;
        checked
    }

    fn creates_its_vhost(&self) -> bool {
        let own = Key::Vhost(self.place.endpoint.vhost().to_owned());
        let mut created = self.survey.plan.of(Action::Create);
        created.any(|entry| entry.key().as_ref() == Some(&own))
    }

    /// One object that only the management API can create or change.
    async fn managed(&self, entry: &Entry, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        let (Some(object), Some(key)) = (&entry.wanted, entry.key()) else {
            return Ok(Outcome::Failed(
                "the plan does not say how it should be".to_owned(),
            ));
        };
        let management = match &self.place.management {
            Ok(management) => management,
            Err(NoManagement(why)) => {
                return Ok(Outcome::Failed(format!(
                    "AMQP cannot create it, and there is no management API: {why}"
                )));
            }
        };
        let kept = self
            .survey
            .live
            .as_ref()
            .and_then(|live| secrets::kept(&key, live));
        let texts = &self.survey.secrets.texts;
        let put = management.put_object(object, entry.live.as_ref(), kept, texts);
        let put = tokio::select! {
            put = put => put,
            () = stop.cancelled() => return Err(anyhow!("it was stopped by a signal")),
        };
        match put {
            Ok(()) if entry.action == Action::Create => Ok(Outcome::Created),
            Ok(()) => Ok(Outcome::Changed),
            Err(error @ (ManagementError::Unreachable(_) | ManagementError::Failed(_))) => {
                Err(error).with_context(|| format!("declare {} {}", key.kind(), entry.name))
            }
            Err(error) => Ok(Outcome::Failed(format!("failed to {error}"))),
        }
    }

    /// Whether what the broker accepted is in force: it ignores what it does not know.
    async fn look_again(&self, put: &mut [(&Entry, Outcome)]) -> anyhow::Result<()> {
        let stands = put.iter().filter(|(_, outcome)| outcome.stands());
        let mut wanted = State::default();
        for object in stands.filter_map(|(entry, _)| entry.wanted.clone()) {
            wanted.insert(object, None);
        }
        let Ok(management) = &self.place.management else {
            return Ok(());
        };
        if wanted.objects.is_empty() {
            return Ok(());
        }
        let kinds = wanted.objects.keys().map(Key::kind).collect();
        let mut live = management.live(&kinds).await?;
        self.survey.secrets.recognise(&wanted, &mut live);
        let again = diff(&wanted, &live.state, &Scope::default());
        for missed in again.entries.iter().filter(|entry| is_pending(entry)) {
            let told = put
                .iter_mut()
                .find(|(entry, _)| entry.key() == missed.key());
            if let Some((_, outcome)) = told.filter(|_| missed.action != Action::Unverified) {
                let words = conflict(missed);
                *outcome = Outcome::Failed(format!(
                    "the broker took it without a word, and it is not in force: {words}"
                ));
            }
        }
        Ok(())
    }

    /// One batch of what AMQP creates.
    async fn declared(
        &mut self,
        batch: &[&Entry],
        batches: &mut Option<Batches<'a>>,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let (skipped, tried): (Vec<&Entry>, Vec<&Entry>) = batch
            .iter()
            .copied()
            .partition(|entry| self.cause(entry).is_some());
        let batches = match batches {
            Some(batches) => batches,
            none => none.insert(Batches::open(&self.place.endpoint).await?),
        };
        let first = tried.first().map_or("", |entry| entry.name.as_str());
        let answers = tokio::select! {
            answers = batches.declare(&tried) => answers.with_context(|| {
                format!("declare the {} objects from {first:?} on", tried.len())
            })?,
            () = stop.cancelled() => return Err(anyhow!("it was stopped by a signal")),
        };
        for (entry, answer) in tried.into_iter().zip(answers) {
            self.note(entry, &outcome(entry, answer), report)?;
        }
        for entry in skipped {
            let cause = self.cause(entry).unwrap_or_default();
            self.note(entry, &Outcome::Skipped(cause), report)?;
        }
        Ok(())
    }

    /// What a binding waits for in vain.
    fn cause(&self, entry: &Entry) -> Option<String> {
        let Some(Object::Binding(binding)) = &entry.wanted else {
            return None;
        };
        let ends = [
            Destination::Exchange(binding.from.clone()),
            binding.to.clone(),
        ];
        let fallen = ends.iter().map(Destination::key);
        let fallen = fallen.into_iter().find(|end| self.fallen.contains(end))?;
        Some(format!("{} {fallen}", fallen.kind()))
    }

    fn note(
        &mut self,
        entry: &Entry,
        outcome: &Outcome,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        if !outcome.stands() {
            self.fallen.extend(entry.key());
        }
        report.note(entry, outcome)
    }
}

impl Wave {
    fn of(entry: &Entry) -> Self {
        match entry.object() {
            Some(Object::Exchange(one)) => {
                match one
                    .arguments
                    .get("alternate-exchange")
                    .and_then(Setting::text)
                {
                    Some(_) => Self::HandingOn,
                    None => Self::Exchanges,
                }
            }
            Some(Object::Queue(_)) => Self::Queues,
            Some(Object::Binding(_)) => Self::Bindings,
            _ => Self::Managed,
        }
    }
}

/// What an answer to a declaration means. Only what exists can conflict: the same refusal of a
/// new object means that the broker makes none.
fn outcome(entry: &Entry, answer: Result<(), Error>) -> Outcome {
    let new = entry.action == Action::Create;
    match answer {
        Ok(()) if new => Outcome::Created,
        Ok(()) if matches!(entry.wanted, Some(Object::Binding(_))) => Outcome::Bound,
        Ok(()) => Outcome::AlreadyThere,
        Err(Error::Conflict(words)) if !new => Outcome::Conflict(words),
        Err(
            Error::Conflict(words)
            | Error::Denied(words)
            | Error::Missing(words)
            | Error::Protocol(words)
            | Error::Lost(words),
        ) => Outcome::Failed(words),
        Err(other) => Outcome::Failed(other.to_string()),
    }
}
