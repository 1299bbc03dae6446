//! Two states become a plan.

use std::collections::BTreeSet;

use super::report::{PLAN_FORMAT, PLAN_VERSION, fingerprint};
use super::{Action, Difference, Entry, Evidence, Plan, remedy};
use crate::{Described, Key, Object, Scope, State};

/// What would have to happen to `live` so that it is as `wanted`: what is missing is created,
/// what the broker can change is changed, what it cannot is a conflict, and what is in the scope
/// and not wanted is destroyed. Everything else that is there is unmanaged.
pub fn diff(wanted: &State, live: &State, scope: &Scope) -> Plan {
    let mut entries = Vec::new();
    let mut in_sync = 0;
    for (key, one) in &wanted.objects {
        match look(key, one, live) {
            Some(entry) => entries.push(entry),
            None => in_sync += 1,
        }
    }
    entries.extend(not_wanted(wanted, live, scope));
    Plan {
        format: PLAN_FORMAT.to_owned(),
        version: PLAN_VERSION,
        wanted: wanted.origin.clone(),
        live: live.origin.clone(),
        in_sync,
        entries,
        fingerprint: fingerprint(wanted, live, scope),
    }
}

/// What is to be said of an object that is wanted; nothing when it is there as wanted.
fn look(key: &Key, wanted: &Described, live: &State) -> Option<Entry> {
    let entry = |action, found: Option<&Described>, differences| Entry {
        action,
        name: key.to_string(),
        line: wanted.line,
        wanted: Some(wanted.object.clone()),
        live: found.map(|found| found.object.clone()),
        differences,
        counts: found.and_then(|found| found.counts),
        remedy: None,
        evidence: None,
    };
    let Some(found) = live.objects.get(key) else {
        let Some(why) = live.unread.get(key.kind()) else {
            return Some(entry(Action::Create, None, Vec::new()));
        };
        let mut entry = entry(Action::Unverified, None, Vec::new());
        entry.evidence = Some(Evidence {
            verified: Vec::new(),
            unverified: vec![format!("whether it is there: {why}")],
        });
        return Some(entry);
    };
    let differences = differences(&wanted.object, &found.object);
    if differences.is_empty() {
        return None;
    }
    let conflict = matches!(key, Key::Exchange(_) | Key::Queue(_));
    let remedy = conflict.then(|| remedy::of(&wanted.object, &differences));
    let action = if conflict {
        Action::Conflict
    } else {
        Action::Change
    };
    let mut entry = entry(action, Some(found), differences);
    entry.remedy = remedy;
    Some(entry)
}

/// The live objects that nobody described: those of the scope in an order of deletion, then
/// those of others.
fn not_wanted(wanted: &State, live: &State, scope: &Scope) -> Vec<Entry> {
    let extra = |key: &Key| !wanted.objects.contains_key(key);
    let doomed: BTreeSet<&Key> = live
        .objects
        .keys()
        .filter(|key| extra(key) && scope.owns(key))
        .collect();
    let mut entries = Vec::new();
    let (mut destroyed, mut unmanaged) = (Vec::new(), Vec::new());
    for (key, one) in live.objects.iter().filter(|(key, _)| extra(key)) {
        let ends = match key {
            // It goes with its queue or exchange, and must not go before it.
            Key::Binding(binding) => {
                doomed.contains(&binding.to.key())
                    || doomed.contains(&Key::Exchange(binding.from.clone()))
            }
            _ => false,
        };
        let action = if doomed.contains(key) {
            Action::Destroy
        } else {
            Action::Unmanaged
        };
        let entry = Entry {
            action,
            name: key.to_string(),
            line: None,
            wanted: None,
            live: Some(one.object.clone()),
            differences: Vec::new(),
            counts: one.counts,
            remedy: None,
            evidence: None,
        };
        match action {
            _ if ends => {}
            Action::Destroy => destroyed.push(entry),
            _ => unmanaged.push(entry),
        }
    }
    entries.extend(destroyed.into_iter().rev());
    entries.extend(unmanaged);
    entries
}

/// In what two objects of one identity differ. What a file may leave to the broker counts only
/// where the file says something.
fn differences(wanted: &Object, live: &Object) -> Vec<Difference> {
    let (mut want, mut have) = (wanted.properties(), live.properties());
    if let (Object::Vhost(_) | Object::User(_), _) = (wanted, live) {
        let left_open = ["description", "tags", "default-queue-type", "password"];
        have.retain(|name, _| want.contains_key(name) || !left_open.contains(&name.as_str()));
    }
    let names: BTreeSet<String> = want.keys().chain(have.keys()).cloned().collect();
    names
        .into_iter()
        .filter_map(|property| {
            let (wanted, live) = (want.remove(&property), have.remove(&property));
            (wanted != live).then_some(Difference {
                property,
                wanted,
                live,
            })
        })
        .collect()
}
