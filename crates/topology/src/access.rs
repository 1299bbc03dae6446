//! The resolved settings: who may do what, and what operators set.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Secret, Setting, Settings};

/// A vhost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vhost {
    /// Its name.
    pub name: String,
    /// What people read about it; not compared when the file says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags; not compared when the file says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeSet<String>>,
    /// The type of queues that are declared without one; not compared when the file says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<String>,
    /// `max-connections` and `max-queues`.
    #[serde(default)]
    pub limits: Settings,
}

/// A user of the broker, in all vhosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// `administrator`, `monitoring`, `policymaker`, `management`, or one's own.
    pub tags: BTreeSet<String>,
    /// Where the password stands; without one it is left as it is, and a new user has none.
    /// Of a live user: where the password stands that is known to be its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

/// What a user may do in the vhost: regular expressions of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The user.
    pub user: String,
    /// What it may create and delete.
    pub configure: String,
    /// What it may publish to and bind.
    pub write: String,
    /// What it may consume and bind from.
    pub read: String,
}

/// What a user may do on a topic exchange: regular expressions of routing keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermission {
    /// The user.
    pub user: String,
    /// The exchange.
    pub exchange: String,
    /// The keys that it may publish with.
    pub write: String,
    /// The keys that it may bind with.
    pub read: String,
}

/// A policy or an operator policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// A regular expression of the names that it applies to.
    pub pattern: String,
    /// `all`, `queues`, `exchanges`, `classic_queues`, `quorum_queues`, `streams`.
    #[serde(rename = "apply-to")]
    pub apply_to: String,
    /// The highest that matches wins.
    pub priority: i64,
    /// What it sets.
    pub definition: Settings,
}

/// A parameter of a plugin: a shovel, a federation upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Whose it is: `shovel`, `federation-upstream`, ...
    pub component: String,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: Setting,
}
