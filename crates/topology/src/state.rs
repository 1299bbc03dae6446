//! Everything that should exist in a vhost, or that does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Key, Object, Topology};

/// The objects of a file or of a live broker, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where it is from, as messages show it: a file's name, or a broker without its password.
    pub origin: String,
    /// The objects, in an order of creation.
    pub objects: BTreeMap<Key, Described>,
    /// The kinds that could not be read, and why: the user may not see them, mostly. Nothing is
    /// said about objects of these kinds.
    pub unread: BTreeMap<&'static str, String>,
}

/// An object, and what else is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The object.
    pub object: Object,
    /// The line that describes it, counted from 1, when it is from a file.
    pub line: Option<u32>,
    /// What is in it, when it is a live queue and that could be asked.
    pub counts: Option<Counts>,
}

/// What a live queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages, ready or not.
    pub messages: u64,
    /// Consumers.
    pub consumers: u64,
}

impl State {
    /// Adds an object; one of the same identity goes.
    pub fn insert(&mut self, object: Object, line: Option<u32>) {
        let described = Described {
            object,
            line,
            counts: None,
        };
        self.objects.insert(described.object.key(), described);
    }
}

impl Topology {
    /// What the file describes, as something that a broker's state can be compared with.
    pub fn state(&self) -> State {
        let mut state = State {
            origin: self.file.clone(),
            ..State::default()
        };
        macro_rules! add {
            ($($field:ident: $kind:ident),* $(,)?) => {
                $(for one in &self.$field {
                    state.insert(Object::$kind(one.value.clone()), Some(one.line));
                })*
            };
        }
        add! {
            vhosts: Vhost,
            users: User,
            permissions: Permission,
            topic_permissions: TopicPermission,
            parameters: Parameter,
            policies: Policy,
            operator_policies: OperatorPolicy,
            exchanges: Exchange,
            queues: Queue,
            bindings: Binding,
        }
        state
    }
}
