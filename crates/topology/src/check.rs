//! From settings as written to objects: every repetition unrolled, every value checked.

mod binding;
mod definition;
mod exchange;
mod manage;
mod queue;
mod section;

pub(crate) use section::APPLY_TO;

use std::collections::BTreeMap;

use crate::evaluate::{Scope, Turn, Variables};
use crate::problem::{Problems, Repeated, quote};
use crate::raw::{RawHead, RawTopology};
use crate::repeat::{MOST_OBJECTS, turns};
use crate::{Binding, Checked, Exchange, ExchangeKind, Key, Object, Queue, Scope as Owned};

/// The objects of a file, and what [`crate::references`] needs to know of them.
#[derive(Debug, Default)]
pub(crate) struct CheckedObjects {
    pub(crate) exchanges: Vec<Checked<Exchange>>,
    pub(crate) queues: Vec<Checked<Queue>>,
    pub(crate) bindings: Vec<Checked<Binding>>,
    /// What is none of these.
    pub(crate) sections: Vec<Checked<Object>>,
    /// The lines of those.
    others: BTreeMap<Key, u32>,
    /// What the file owns.
    pub(crate) scope: Owned,
    /// Every exchange that has a name, also those with other problems.
    pub(crate) exchange_names: Names<Option<ExchangeKind>>,
    /// Every queue that has a name, also those with other problems.
    pub(crate) queue_names: Names<()>,
    pub(crate) references: Vec<Reference>,
}

/// Names in use, with the line of each.
#[derive(Debug)]
pub(crate) struct Names<T> {
    pub(crate) found: BTreeMap<String, (u32, T)>,
    /// Whether every name could be read; if not, a missing one may be among those that could not.
    pub(crate) complete: bool,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            found: BTreeMap::new(),
            complete: true,
        }
    }
}

/// A place where an object names another.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The line of the description that the naming object comes from.
    pub(crate) description: u32,
    pub(crate) line: u32,
    pub(crate) target: Target,
    /// Who names it, in words: `queue X dead-letters to`.
    pub(crate) says: String,
}

#[derive(Debug)]
pub(crate) enum Target {
    Exchange(String),
    Queue(String),
    /// The source of a binding, and whether the binding says a key.
    Source {
        exchange: String,
        key: bool,
    },
}

/// Checks everything that can be checked object by object.
pub(crate) fn check(
    raw: &RawTopology,
    variables: &Variables,
    problems: &mut Problems,
) -> CheckedObjects {
    let mut objects = CheckedObjects::default();
    for one in &raw.exchanges {
        each_turn(
            &one.head,
            variables,
            objects.count(),
            problems,
            |scope, problems| {
                exchange::check(one, scope, &mut objects, problems);
            },
        );
    }
    for one in &raw.queues {
        each_turn(
            &one.head,
            variables,
            objects.count(),
            problems,
            |scope, problems| {
                queue::check(one, scope, &mut objects, problems);
            },
        );
    }
    for one in &raw.sections {
        each_turn(
            &one.head,
            variables,
            objects.count(),
            problems,
            |scope, problems| {
                section::check(one, scope, &mut objects, problems);
            },
        );
    }
    let scope = Scope {
        variables,
        turn: &[],
    };
    objects.scope = manage::check(&raw.manage, scope, problems);
    objects
}

impl CheckedObjects {
    fn count(&self) -> usize {
        let named = self.exchange_names.found.len() + self.queue_names.found.len();
        named + self.bindings.len() + self.sections.len()
    }
}

fn each_turn(
    head: &RawHead,
    variables: &Variables,
    so_far: usize,
    problems: &mut Problems,
    mut check: impl FnMut(Scope<'_>, &mut Problems),
) {
    let turns: Vec<Turn> = turns(&head.repeat, variables, problems);
    if so_far.saturating_add(turns.len()) > MOST_OBJECTS {
        problems.at(
            head.line,
            format!("with this the file describes more than {MOST_OBJECTS} objects"),
        );
        return;
    }
    let mut repeated = Repeated::like(problems);
    for turn in &turns {
        repeated.one(|problems| check(Scope { variables, turn }, problems));
    }
    repeated.tell(problems);
}

impl<T> Names<T> {
    /// The name of an object, checked, and noted as in use even when it is wrong otherwise.
    fn note(
        &mut self,
        what: &str,
        head: &RawHead,
        scope: Scope<'_>,
        about: T,
        problems: &mut Problems,
    ) -> Option<String> {
        let Some(name) = scope.written_out(head.line, &head.name, problems) else {
            self.complete = false;
            return None;
        };
        let quoted = quote(&name);
        let wrong = if name.is_empty() {
            Some(format!("{what} without a name"))
        } else if name.len() > 255 {
            Some(format!(
                "the name of {what} {quoted} has {} bytes, and 255 is the most",
                name.len()
            ))
        } else if name.starts_with("amq.") {
            Some(format!(
                "{what} {quoted}: names that begin with `amq.` are the broker's own"
            ))
        } else if name.contains(['\n', '\r']) {
            Some(format!(
                "{what} {quoted}: the broker strips line breaks from names"
            ))
        } else if let Some((line, _)) = self.found.get(&name) {
            let repetition = if *line == head.line && !head.repeat.is_empty() {
                ": the name must use the variable of the repetition"
            } else {
                ""
            };
            Some(format!(
                "{what} {quoted} is described at line {line} already{repetition}"
            ))
        } else {
            None
        };
        let fits = wrong.is_none();
        if let Some(message) = wrong {
            problems.at(head.line, message);
        }
        self.found.entry(name.clone()).or_insert((head.line, about));
        fits.then_some(name)
    }
}
