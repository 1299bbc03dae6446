//! What would have to happen so that a broker is as a file wants it.

mod compare;
mod remedy;
mod report;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::diff;
pub use remedy::Remedy;
pub use report::{PLAN_FORMAT, PLAN_VERSION};

use crate::{Counts, Key, Object, Setting};

/// The differences between what is wanted and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: String,
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// What is wanted: the name of a file.
    pub wanted: String,
    /// What was compared with: a broker, without its password.
    pub live: String,
    /// How many objects are there exactly as wanted.
    pub in_sync: usize,
    /// Everything else, in the order in which it would be done.
    pub entries: Vec<Entry>,
    /// A fingerprint of every live object that the file describes or owns: another one says
    /// that the broker has changed.
    pub fingerprint: String,
}

/// One object that is not, or not known to be, as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What would be done.
    pub action: Action,
    /// What it is called, as people read it: redundant with the objects, for scripts.
    pub name: String,
    /// The line of the file that describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// As it should be; nothing when it should not be, or when the file does not care.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Object>,
    /// As it is; nothing when it is not there, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Object>,
    /// In what the two differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What a live queue holds, where it matters and is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What a person can do about a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// What could be verified and what not, when that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What would be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is missing, and `apply` creates it.
    Create,
    /// It differs, and `apply` changes it where it stands.
    Change,
    /// It differs in what the broker never changes: left as it is.
    Conflict,
    /// The file owns it and does not describe it: `prune` deletes it, nothing else does.
    Destroy,
    /// The file neither describes nor owns it: never touched.
    Unmanaged,
    /// It cannot be said whether it is as wanted.
    Unverified,
}

/// A property that is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name, as [`Object::properties`] has it.
    pub property: String,
    /// As it should be; nothing when it should not be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Setting>,
    /// As it is; nothing when it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Setting>,
}

/// How far an object could be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is known to be as wanted, in words.
    pub verified: Vec<String>,
    /// What is not known, in words.
    pub unverified: Vec<String>,
}

impl Plan {
    /// How many entries of each action there are.
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(entry.action).or_default() += 1;
        }
        counts
    }

    /// How many entries of one action there are.
    pub fn count(&self, action: Action) -> usize {
        self.of(action).count()
    }

    /// The entries of one action, in order.
    pub fn of(&self, action: Action) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.action == action)
    }
}

impl Entry {
    /// The object: as wanted if it is wanted, as it is if not.
    ///
    /// Nothing only in a saved plan that somebody has edited.
    pub fn object(&self) -> Option<&Object> {
        self.wanted.as_ref().or(self.live.as_ref())
    }

    /// Its identity.
    pub fn key(&self) -> Option<Key> {
        self.object().map(Object::key)
    }
}
