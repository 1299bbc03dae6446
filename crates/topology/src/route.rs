//! Where the broker would put a message, and why.
//!
//! A copy of RabbitMQ's own walk (`rabbit_exchange:route`): every exchange is visited once, its
//! bindings are judged by its type, and its alternate exchange is taken when none matches.

mod alternate;
mod headers;
mod judge;
mod topic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::problem::did_you_mean;
use crate::references::BUILT_IN;
use crate::{Binding, Destination, Exchange, ExchangeKind, Object, Policy, Settings, State};

/// A message to ask about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The exchange that it is published to; the default one when empty.
    pub exchange: String,
    /// Its routing key.
    pub key: String,
    /// Its headers.
    pub headers: Settings,
}

/// What becomes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Why the broker would not take it at all.
    pub refused: Option<String>,
    /// The queues that get it, by name.
    pub queues: BTreeMap<String, Certainty>,
    /// The exchanges that it passes, in the order of the walk.
    pub visits: Vec<Visit>,
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It is not.
    No,
    /// It cannot be known from here: chance, or a plugin, decides.
    Perhaps,
    /// It is.
    Yes,
}

/// One exchange, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// Its name; empty for the default one.
    pub exchange: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the message comes here.
    pub certainty: Certainty,
    /// Its bindings, judged.
    pub bindings: Vec<Judged>,
    /// What else is to be said: where an unmatched message goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternate: Option<Alternate>,
}

/// A binding, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The binding.
    pub binding: Binding,
    /// Whether the message goes along it.
    pub verdict: Certainty,
    /// Why.
    pub why: String,
}

/// An alternate exchange, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alternate {
    /// Its name.
    pub exchange: String,
    /// Whether the message goes there.
    pub verdict: Certainty,
    /// Why.
    pub why: String,
}

/// The exchanges, queues and bindings of a vhost, ready to be asked.
#[derive(Debug)]
pub struct Routing<'a> {
    exchanges: BTreeMap<&'a str, &'a Exchange>,
    queues: BTreeSet<&'a str>,
    bindings: BTreeMap<&'a str, Vec<&'a Binding>>,
    policies: Vec<&'a Policy>,
}

impl<'a> Routing<'a> {
    /// Of what a file describes, or a broker has.
    pub fn of(state: &'a State) -> Self {
        let mut routing = Self {
            exchanges: BTreeMap::new(),
            queues: BTreeSet::new(),
            bindings: BTreeMap::new(),
            policies: Vec::new(),
        };
        for described in state.objects.values() {
            match &described.object {
                Object::Exchange(one) => {
                    routing.exchanges.insert(&one.name, one);
                }
                Object::Queue(one) => {
                    routing.queues.insert(&one.name);
                }
                Object::Binding(one) => {
                    routing.bindings.entry(&one.from).or_default().push(one);
                }
                Object::Policy(one) => routing.policies.push(one),
                _ => {}
            }
        }
        routing
    }

    /// Where a message goes.
    pub fn route(&self, message: &Message) -> Route {
        if message.exchange.is_empty() {
            return self.to_queue(&message.key);
        }
        let refused = match self.find(&message.exchange) {
            None => {
                let names = self.exchanges.keys().copied();
                let hint = did_you_mean(&message.exchange, names);
                Some(format!("there is no such exchange{hint}"))
            }
            Some(exchange) if exchange.internal => Some(
                "the exchange is internal: only exchanges publish to it, clients are refused"
                    .to_owned(),
            ),
            Some(_) => None,
        };
        match refused {
            Some(_) => Route {
                refused,
                ..Route::default()
            },
            None => self.walk(message),
        }
    }

    /// The default exchange: a message goes to the queue whose name is its key.
    fn to_queue(&self, name: &str) -> Route {
        let there = self.queues.contains(name);
        let judged = Judged {
            binding: Binding {
                from: String::new(),
                to: Destination::Queue(name.to_owned()),
                key: name.to_owned(),
                arguments: Settings::new(),
            },
            verdict: if there { Certainty::Yes } else { Certainty::No },
            why: if there {
                "the default exchange routes to the queue of that name".to_owned()
            } else {
                let hint = did_you_mean(name, self.queues.iter().copied());
                format!("there is no queue of that name{hint}")
            },
        };
        let queue = there.then(|| (name.to_owned(), Certainty::Yes));
        Route {
            refused: None,
            queues: queue.into_iter().collect(),
            visits: vec![Visit {
                exchange: String::new(),
                kind: "direct".to_owned(),
                certainty: Certainty::Yes,
                bindings: vec![judged],
                alternate: None,
            }],
        }
    }

    /// Everything that is certain first, so that what is only possible never hides it.
    fn walk(&self, message: &Message) -> Route {
        let mut route = Route::default();
        let mut seen = BTreeSet::new();
        let start = message.exchange.clone();
        let mut certain = VecDeque::from([start]);
        let mut possible = VecDeque::new();
        loop {
            let (name, certainty) = match (certain.pop_front(), possible.is_empty()) {
                (Some(name), _) => (name, Certainty::Yes),
                (None, false) => match possible.pop_front() {
                    Some(name) => (name, Certainty::Perhaps),
                    None => return route,
                },
                (None, true) => return route,
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            let Some(exchange) = self.find(&name) else {
                continue;
            };
            let visit = self.visit(&exchange, certainty, message);
            for (to, verdict) in visit.ways() {
                let reached = verdict.min(certainty);
                match (to, reached) {
                    (_, Certainty::No) => {}
                    (Destination::Queue(queue), _) => {
                        let known = route.queues.entry(queue).or_insert(reached);
                        *known = reached.max(*known);
                    }
                    (Destination::Exchange(next), Certainty::Yes) => certain.push_back(next),
                    (Destination::Exchange(next), Certainty::Perhaps) => possible.push_back(next),
                }
            }
            route.visits.push(visit);
        }
    }

    fn visit(&self, exchange: &Exchange, certainty: Certainty, message: &Message) -> Visit {
        let bindings = self.bindings.get(exchange.name.as_str());
        let bindings = bindings.map_or(&[][..], Vec::as_slice);
        let judged = judge::all(exchange, bindings, message);
        let matched = judged.iter().map(|one| one.verdict).max();
        Visit {
            exchange: exchange.name.clone(),
            kind: exchange.kind.as_str().to_owned(),
            certainty,
            alternate: self.alternate(exchange, matched.unwrap_or(Certainty::No)),
            bindings: judged,
        }
    }

    /// An exchange by name, the broker's own among them.
    fn find(&self, name: &str) -> Option<Exchange> {
        if let Some(exchange) = self.exchanges.get(name) {
            return Some((*exchange).clone());
        }
        let (name, kind) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(built_in(name, kind))
    }
}

impl Visit {
    /// Where the message goes on from here.
    fn ways(&self) -> Vec<(Destination, Certainty)> {
        let bindings = self.bindings.iter();
        let mut ways: Vec<_> = bindings
            .map(|one| (one.binding.to.clone(), one.verdict))
            .collect();
        if let Some(alternate) = &self.alternate {
            let to = Destination::Exchange(alternate.exchange.clone());
            ways.push((to, alternate.verdict));
        }
        ways
    }
}

fn built_in(name: &str, kind: &ExchangeKind) -> Exchange {
    Exchange {
        name: name.to_owned(),
        kind: kind.clone(),
        durable: true,
        auto_delete: false,
        internal: name.starts_with("amq.rabbitmq."),
        arguments: Settings::new(),
    }
}
