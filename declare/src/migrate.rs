//! `declare apply --migrate`: queues that the broker cannot change are made anew, their bindings
//! kept and their messages moved.
//!
//! Everything that a migration has to remember lies on the broker, so one that was killed goes on
//! where it stopped, whoever runs it again: the waiting queue holds the messages *and* the
//! bindings, and its argument says whose they are.

mod steps;

use std::collections::BTreeSet;

use anyhow::{Context, anyhow};
use broker::Management;
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::{Action, Entry, Key, Object, Queue, QueueKind, State, Topology};

use crate::apply::ApplyArgs;
use crate::consent::{self, Consent};
use crate::place::{NoManagement, Place};
use crate::survey::survey;
use crate::{able, show};

use steps::{Migration, Names};

/// What is said before anybody agrees.
const CANNOT_PROMISE: &str = "\
What a migration cannot promise: messages that arrive meanwhile may come before older ones; after \
a kill, and while both queues are bound, messages may come twice; a message published straight to \
the queue by its name while it does not exist is lost, unless it is mandatory; moved messages have \
another `exchange` than the one they were published to; the limits of the new queue hold for them.";

/// Migrates every queue in conflict, and goes on with what an earlier run did not finish. A queue
/// that cannot be migrated is told with the reason; it stays in conflict, and `apply`, which
/// comes next, ends with that.
///
/// # Errors
/// Exit code 2 when nobody could be asked, 1 when the broker is away or refuses.
pub(crate) async fn migrate(
    topology: &Topology,
    args: &ApplyArgs,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let place = Place::open(&args.place).await?;
    able::version(&place.server)?;
    let management = match &place.management {
        Ok(management) => management,
        Err(NoManagement(why)) => {
            return Err(Fault::Usage(format!(
                "--migrate needs the management API, because AMQP cannot list bindings: {why}"
            )));
        }
    };
    let survey = survey(topology, &place).await?;
    let live = management.live(&BTreeSet::new()).await;
    let live = live.context("read the broker")?.state;
    let (mut wanted, refused) = candidates(topology, &survey.plan.entries, &live);
    for (entry, why) in &refused {
        tracing::error!(queue = entry.name, why, "not migrated");
    }
    wanted.sort_by(|one, other| one.name.cmp(&other.name));
    if !wanted.is_empty() && !args.yes {
        let question = format!(
            "{CANNOT_PROMISE}\nmigrate {}?",
            show::counted(wanted.len() as u64, "queue")
        );
        match consent::ask(&question, &survey.plan, stop).await? {
            Consent::Given => {}
            Consent::Refused => return Err(consent::refused()),
        }
    }
    for queue in wanted {
        tokio::select! {
            done = one(&place, management, queue) => done?,
            () = stop.cancelled() => {
                return Err(anyhow!("finish: it was stopped by a signal; run it again, and it goes on where it stopped").into());
            }
        }
    }
    Ok(())
}

async fn one(place: &Place, management: &Management, queue: &Queue) -> Result<(), Fault> {
    let name = &queue.name;
    let migration = Migration::new(place, management, queue);
    let moved = migration.run().await.with_context(|| {
        format!(
            "migrate queue {name} (nothing is lost: run it again, and it goes on where it stopped)"
        )
    })?;
    tracing::info!(queue = name, messages = moved.messages, "migrated");
    if moved.without_user > 0 {
        let count = moved.without_user;
        tracing::warn!(
            queue = name,
            count,
            "messages lost their property user-id: the broker takes nobody's but our own"
        );
    }
    Ok(())
}

/// The queues to migrate, and those that are not, with the reason.
fn candidates<'a>(
    topology: &'a Topology,
    entries: &'a [Entry],
    live: &State,
) -> (Vec<&'a Queue>, Vec<(&'a Entry, String)>) {
    let mut refused = Vec::new();
    let mut conflicts = BTreeSet::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.action == Action::Conflict)
    {
        let Some(Object::Queue(there)) = &entry.live else {
            continue;
        };
        match hindrance(there, entry, live) {
            Some(why) => refused.push((entry, why)),
            None => {
                conflicts.insert(there.name.as_str());
            }
        }
    }
    let begun = |name: &str| {
        let names = Names::of(name);
        let all = [
            Key::Queue(names.waiting.clone()),
            Key::Exchange(names.out),
            Key::Exchange(names.back),
        ];
        all.iter().any(|key| live.objects.contains_key(key))
    };
    let queues = topology.queues.iter().map(|one| &one.value);
    let wanted = queues.filter(|queue| {
        let refused = refused.iter().any(|(entry, _)| entry.name == queue.name);
        !refused && (conflicts.contains(queue.name.as_str()) || begun(&queue.name))
    });
    (wanted.collect(), refused)
}

/// Why a queue that differs cannot be migrated.
fn hindrance(there: &Queue, entry: &Entry, live: &State) -> Option<String> {
    let names = Names::of(&there.name);
    if there.kind == QueueKind::Stream {
        return Some(
            "it is a stream, which is read and never emptied: give the new one another name and let its readers change over"
                .to_owned(),
        );
    }
    if there.auto_delete {
        return Some(
            "it is auto-delete, and would go with its messages when the mover lets go of it"
                .to_owned(),
        );
    }
    if names.back.len() > 255 {
        return Some(
            "its name is too long for that of the queue where its messages wait".to_owned(),
        );
    }
    let waiting = live.objects.get(&Key::Queue(names.waiting.clone()));
    if waiting.is_some_and(|one| !steps::is_ours(&one.object, &there.name)) {
        return Some(format!("there is another queue {}", names.waiting));
    }
    let consumers = entry.counts.map_or(0, |counts| counts.consumers);
    (consumers > 0).then(|| {
        let counts = entry.counts.unwrap_or_default();
        format!("it {}: stop its consumers first", show::holds(counts))
    })
}
