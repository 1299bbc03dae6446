//! What a file wants, what the broker has, and the plan between the two.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use broker::Live;
use program::Fault;
use topology::{Action, Counts, Entry, Key, Object, Plan, State, Topology, diff};

use crate::evidence;
use crate::place::Place;
use crate::secrets::{self, Secrets};
use crate::session::Session;

/// A plan, and what is needed to carry it out.
pub(crate) struct Survey {
    pub(crate) plan: Plan,
    /// What the management API said; nothing when there is none.
    pub(crate) live: Option<Live>,
    pub(crate) secrets: Secrets,
}

/// Compares a topology with what is there: by the management API if there is one, else with as
/// much as AMQP tells.
///
/// # Errors
/// When the broker does not answer, or a secret cannot be read.
pub(crate) async fn survey(topology: &Topology, place: &Place) -> Result<Survey, Fault> {
    let wanted = topology.state();
    let secrets = Secrets::read(&wanted)?;
    let what = || format!("compare {} with {}", topology.file, place.endpoint);
    let Ok(management) = &place.management else {
        place.say_what_is_missing();
        let plan = evidence::plan(&wanted, place).await.with_context(what)?;
        return Ok(Survey {
            plan,
            live: None,
            secrets,
        });
    };
    let mut live = management
        .live(&kinds(topology, &wanted))
        .await
        .with_context(what)?;
    live.state.origin = place.name();
    secrets.recognise(&wanted, &mut live);
    secrets::redact(&mut live.state);
    let mut plan = diff(&wanted, &live.state, &topology.scope);
    spare_ourselves(&mut plan, place);
    count(&mut plan, place).await.with_context(what)?;
    Ok(Survey {
        plan,
        live: Some(live),
        secrets,
    })
}

/// The kinds that the file speaks of. Others, as users, are nobody's business here.
fn kinds(topology: &Topology, wanted: &State) -> BTreeSet<&'static str> {
    let described = wanted.objects.keys().map(Key::kind);
    described.chain(topology.scope.kinds()).collect()
}

/// The vhost and the user that this very program works with are never destroyed, whatever the
/// file owns.
fn spare_ourselves(plan: &mut Plan, place: &Place) {
    let vhost = Key::Vhost(place.endpoint.vhost().to_owned());
    let user = Key::User(place.endpoint.user().to_owned());
    let doomed = plan.entries.iter_mut();
    for entry in doomed.filter(|entry| entry.action == Action::Destroy) {
        if entry.key().is_some_and(|key| key == vhost || key == user) {
            entry.action = Action::Unmanaged;
        }
    }
}

/// Writes into the plan what the queues hold that somebody may want to delete.
async fn count(plan: &mut Plan, place: &Place) -> anyhow::Result<()> {
    let at_stake = |entry: &&mut Entry| {
        let queue = matches!(entry.live, Some(Object::Queue(_)));
        queue && matches!(entry.action, Action::Conflict | Action::Destroy)
    };
    let mut entries: Vec<&mut Entry> = plan.entries.iter_mut().filter(at_stake).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let statistics = match &place.management {
        Ok(management) => management.counts().await?,
        Err(_) => BTreeMap::new(),
    };
    let mut session = Session::open(&place.endpoint).await?;
    for entry in &mut entries {
        let now = session.counts(&entry.name).await?;
        let then = statistics.get(&entry.name).copied();
        entry.counts = now.map(|now| known(now, then.unwrap_or_default()));
    }
    session.close().await;
    Ok(())
}

/// What is known of a queue by AMQP, `now`, and by statistics, `then`. Messages that a consumer
/// holds stand in the statistics alone, so the larger number counts. Of consumers AMQP knows all;
/// the statistics may still have one that has left.
pub(crate) fn known(now: Counts, then: Counts) -> Counts {
    Counts {
        messages: now.messages.max(then.messages),
        consumers: now.consumers,
    }
}
