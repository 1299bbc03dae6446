//! A topology as a picture: exchanges and queues, and what leads from one to the other.

mod fold;
mod layout;
mod svg;
mod text;

use std::collections::BTreeMap;

use crate::{Action, Binding, Key, Object, Plan, Setting, Settings, State};

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// Whether there is a plan that colours it.
    pub(crate) coloured: bool,
}

/// An exchange or a queue, or several of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) key: Key,
    /// Its name, or what the names of several have in common.
    pub(crate) name: String,
    /// `topic exchange`, `quorum queue`, ...
    pub(crate) kind: String,
    pub(crate) mark: Mark,
    /// How many objects it stands for.
    pub(crate) count: usize,
}

/// What leads from one node to another: several bindings when they differ by their key alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) way: Way,
    pub(crate) mark: Mark,
    pub(crate) labels: Vec<String>,
}

/// Why messages take an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Bound,
    Alternate,
    DeadLetter,
}

/// What a plan says about a node or an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// Nothing: there is no plan, or it is as wanted.
    Plain,
    Planned(Action),
}

impl Graph {
    /// The graph of what a state holds. With a plan it also has what is only on the broker, and
    /// everything is coloured by what the plan would do to it. With `folded`, queues that differ
    /// by numbers alone are one node.
    pub fn of(state: &State, plan: Option<&Plan>, folded: bool) -> Self {
        let mut drawing = Drawing {
            marks: BTreeMap::new(),
            places: BTreeMap::new(),
            graph: Self {
                coloured: plan.is_some(),
                ..Self::default()
            },
        };
        let mut objects: BTreeMap<Key, &Object> = state
            .objects
            .iter()
            .map(|(key, one)| (key.clone(), &one.object))
            .collect();
        for entry in plan.into_iter().flat_map(|plan| &plan.entries) {
            let Some((key, object)) = entry.key().zip(entry.object()) else {
                continue;
            };
            drawing.marks.insert(key.clone(), entry.action);
            objects.entry(key).or_insert(object);
        }
        objects.values().for_each(|object| drawing.node(object));
        objects.values().for_each(|object| drawing.edges(object));
        if folded {
            return fold::fold(drawing.graph);
        }
        drawing.graph
    }
}

struct Drawing {
    marks: BTreeMap<Key, Action>,
    places: BTreeMap<Key, usize>,
    graph: Graph,
}

impl Drawing {
    fn node(&mut self, object: &Object) {
        let kind = match object {
            Object::Exchange(one) => format!("{} exchange", one.kind.as_str()),
            Object::Queue(one) => match one.kind {
                crate::QueueKind::Stream => "stream".to_owned(),
                kind => format!("{} queue", kind.as_str()),
            },
            _ => return,
        };
        let key = object.key();
        let mark = self.mark(&key);
        self.add(key, kind, mark);
    }

    fn add(&mut self, key: Key, kind: String, mark: Mark) -> usize {
        let place = self.graph.nodes.len();
        self.places.insert(key.clone(), place);
        self.graph.nodes.push(Node {
            name: key.to_string(),
            key,
            kind,
            mark,
            count: 1,
        });
        place
    }

    fn mark(&self, key: &Key) -> Mark {
        self.marks
            .get(key)
            .copied()
            .map_or(Mark::Plain, Mark::Planned)
    }

    fn edges(&mut self, object: &Object) {
        let key = object.key();
        let mark = self.mark(&key);
        match object {
            Object::Binding(one) => {
                let from = Key::Exchange(one.from.clone());
                self.edge(from, one.to.key(), Way::Bound, mark, label(one));
            }
            Object::Exchange(one) => {
                if let Some(name) = text(&one.arguments, "alternate-exchange") {
                    let to = Key::Exchange(name.to_owned());
                    let label = "if unmatched".to_owned();
                    self.edge(key, to, Way::Alternate, mark, label);
                }
            }
            Object::Queue(one) => {
                let routing_key = text(&one.arguments, "x-dead-letter-routing-key");
                let to = match text(&one.arguments, "x-dead-letter-exchange") {
                    // The default exchange: to the queue of that name.
                    Some("") => routing_key.map(|name| Key::Queue(name.to_owned())),
                    Some(name) => Some(Key::Exchange(name.to_owned())),
                    None => None,
                };
                if let Some(to) = to {
                    let label = "dead letters".to_owned();
                    self.edge(key, to, Way::DeadLetter, mark, label);
                }
            }
            _ => {}
        }
    }

    /// Adds an edge; an end that nobody describes is the broker's own, or not there.
    fn edge(&mut self, from: Key, to: Key, way: Way, mark: Mark, label: String) {
        let [from, to] = [from, to].map(|key| match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let built_in = key.to_string().starts_with("amq.");
                let kind = if built_in {
                    "the broker's own"
                } else {
                    "not described"
                };
                self.add(key, kind.to_owned(), Mark::Plain)
            }
        });
        let mark = match way {
            Way::Bound => mark,
            // Part of its source, which is coloured itself.
            Way::Alternate | Way::DeadLetter => Mark::Plain,
        };
        let same =
            |edge: &&mut Edge| (edge.from, edge.to, edge.way, edge.mark) == (from, to, way, mark);
        match self.graph.edges.iter_mut().rev().take(1).find(same) {
            Some(edge) => edge.labels.push(label),
            None => self.graph.edges.push(Edge {
                from,
                to,
                way,
                mark,
                labels: vec![label],
            }),
        }
    }
}

impl Edge {
    /// Its labels in one short line.
    pub(crate) fn label(&self) -> String {
        const MOST: usize = 3;
        let mut labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        labels.retain(|label| !label.is_empty());
        labels.dedup();
        let more = labels.len().saturating_sub(MOST);
        labels.truncate(MOST);
        match more {
            0 => labels.join(", "),
            _ => format!("{}, +{more}", labels.join(", ")),
        }
    }
}

impl Mark {
    /// What it means, in a word.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Planned(Action::Create) => Some("create"),
            Self::Planned(Action::Change) => Some("change"),
            Self::Planned(Action::Conflict) => Some("conflict"),
            Self::Planned(Action::Destroy) => Some("destroy"),
            Self::Planned(Action::Unmanaged) => Some("unmanaged"),
            Self::Planned(Action::Unverified) => Some("unverified"),
        }
    }
}

/// The key; for a binding with arguments those, because its exchange goes by them.
fn label(binding: &Binding) -> String {
    let arguments: Vec<String> = binding
        .arguments
        .iter()
        .filter(|(name, _)| name.as_str() != "x-stream-partition-order")
        .map(|(name, setting)| format!("{name}={}", setting.to_string().trim_matches('"')))
        .collect();
    match (binding.key.as_str(), arguments.join(" ")) {
        (key, arguments) if arguments.is_empty() => key.to_owned(),
        ("", arguments) => arguments,
        (key, arguments) => format!("{key} {arguments}"),
    }
}

fn text<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Setting::text)
}
