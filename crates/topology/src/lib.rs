//! The topology of a broker as one file: what `topology.toml` says, checked.
//!
//! Pure: text and overrides go in, a [`Topology`] or every problem at once comes out.
//!
//! The way of a file: [`Source`] to a spanned tree (`document`), to settings as written
//! (`raw`), to variables (`variables`), to objects (`check`, one file a kind), to names that
//! exist (`references`). [`Topology::steps`] puts the objects in order of creation.
//!
//! The way of a comparison: a file gives a [`State`] ([`Topology::state`]), a live broker gives
//! another, and [`diff`] makes a [`Plan`] of the two.

mod access;
mod arguments;
mod check;
mod document;
mod evaluate;
mod export;
mod graph;
mod import;
mod interpolation;
mod model;
pub mod names;
mod object;
mod order;
mod plan;
mod problem;
mod range;
mod raw;
mod references;
mod repeat;
mod route;
mod schema;
mod scope;
mod setting;
mod source;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod units;
mod value;
mod variables;

use std::collections::BTreeMap;

pub use access::{Parameter, Permission, Policy, TopicPermission, User, Vhost};
pub use export::{Exported, export, keep_comments};
pub use graph::Graph;
pub use import::import;
pub use model::{
    Arguments, Binding, Checked, Destination, Exchange, ExchangeKind, Queue, QueueKind,
};
pub use object::{Key, Object};
pub use order::Step;
pub use plan::{
    Action, Difference, Entry, Evidence, PLAN_FORMAT, PLAN_VERSION, Plan, Remedy, diff,
};
pub use problem::{Problem, Problems};
pub use route::{Alternate, Certainty, Judged, Message, Route, Routing, Visit};
pub use schema::schema;
pub use scope::Scope;
pub use setting::{Secret, Setting, Settings, without_password};
pub use source::Source;
pub use state::{Counts, Described, State};
pub use target::Target;
pub use value::{Scalar, Value};
pub use variables::{ENVIRONMENT_PREFIX, Overrides};

/// What a topology file describes, every name and reference checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// Name of the file, as messages show it.
    pub file: String,
    /// The exchanges, in the order of the file.
    pub exchanges: Vec<Checked<Exchange>>,
    /// The queues and streams, in the order of the file.
    pub queues: Vec<Checked<Queue>>,
    /// The bindings, in the order of the file.
    pub bindings: Vec<Checked<Binding>>,
    /// The vhosts.
    pub vhosts: Vec<Checked<Vhost>>,
    /// The users.
    pub users: Vec<Checked<User>>,
    /// What users may do in the vhost.
    pub permissions: Vec<Checked<Permission>>,
    /// What users may do on topic exchanges.
    pub topic_permissions: Vec<Checked<TopicPermission>>,
    /// The parameters of plugins.
    pub parameters: Vec<Checked<Parameter>>,
    /// The policies.
    pub policies: Vec<Checked<Policy>>,
    /// The policies of operators.
    pub operator_policies: Vec<Checked<Policy>>,
    /// What the file owns.
    pub scope: Scope,
    /// The variables with the values they have after every override.
    pub vars: BTreeMap<String, Value>,
}

/// Reads a topology file.
///
/// # Errors
/// Every problem of the file and of the overrides, in the order of the lines.
pub fn load(source: &Source, overrides: &Overrides) -> Result<Topology, Problems> {
    let mut problems = Problems::of(&source.name);
    let document = document::read(source, &mut problems);
    if let Some(document) = document {
        let raw = raw::RawTopology::read(document, &mut problems);
        let vars = variables::resolve(&raw.variables, &raw.profiles, overrides, &mut problems);
        let checked = check::check(&raw, &vars, &mut problems);
        references::check(&checked, &mut problems);
        if problems.is_empty() {
            return Ok(Topology::of(source, checked, vars));
        }
    }
    Err(problems.sorted())
}

/// Why a topology does not tell how many shards there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "read the number of shards from {file}: variable `shards` under [vars] must be a whole number from 1 to {most}, and {found}"
)]
pub struct NoShards {
    file: String,
    found: String,
    most: u32,
}

impl Topology {
    fn of(source: &Source, checked: check::CheckedObjects, vars: evaluate::Variables) -> Self {
        let mut topology = Self {
            file: source.name.clone(),
            exchanges: checked.exchanges,
            queues: checked.queues,
            bindings: checked.bindings,
            scope: checked.scope,
            vars: vars
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            ..Self::default()
        };
        for Checked { value, line } in checked.sections {
            match value {
                Object::Vhost(value) => topology.vhosts.push(Checked { value, line }),
                Object::User(value) => topology.users.push(Checked { value, line }),
                Object::Permission(value) => topology.permissions.push(Checked { value, line }),
                Object::TopicPermission(value) => {
                    topology.topic_permissions.push(Checked { value, line });
                }
                Object::Parameter(value) => topology.parameters.push(Checked { value, line }),
                Object::Policy(value) => topology.policies.push(Checked { value, line }),
                Object::OperatorPolicy(value) => {
                    topology.operator_policies.push(Checked { value, line });
                }
                Object::Exchange(_) | Object::Queue(_) | Object::Binding(_) => {}
            }
        }
        topology
    }

    /// The most shards that a topology may have.
    pub const MOST_SHARDS: u32 = 4096;

    /// The number of shards: the variable `shards`, 1 to [`Self::MOST_SHARDS`].
    ///
    /// # Errors
    /// When the file has no such variable, or it is no number in that range.
    pub fn shards(&self) -> Result<u32, NoShards> {
        let found = match self.vars.get("shards") {
            Some(Value::Scalar(Scalar::Int(number))) => match u32::try_from(*number) {
                Ok(shards) if (1..=Self::MOST_SHARDS).contains(&shards) => return Ok(shards),
                _ => format!("it is {number}"),
            },
            Some(other) => format!("it is {}", other.kind()),
            None => "there is none".to_owned(),
        };
        Err(NoShards {
            file: self.file.clone(),
            found,
            most: Self::MOST_SHARDS,
        })
    }
}
