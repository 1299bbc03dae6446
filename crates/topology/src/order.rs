//! The order of creation.

use std::collections::BTreeMap;

use crate::{Binding, Checked, Exchange, Queue, Setting, Topology};

/// One object to create.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// Declare an exchange.
    Exchange(&'a Checked<Exchange>),
    /// Declare a queue or stream.
    Queue(&'a Checked<Queue>),
    /// Bind.
    Binding(&'a Checked<Binding>),
}

impl Topology {
    /// Every object in an order of creation in which nothing refers to what comes later:
    /// exchanges, alternate exchanges before those that name them, then queues, then bindings.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let exchanges = self.exchanges_in_order().into_iter().map(Step::Exchange);
        let queues = self.queues.iter().map(Step::Queue);
        let bindings = self.bindings.iter().map(Step::Binding);
        exchanges.chain(queues).chain(bindings).collect()
    }

    fn exchanges_in_order(&self) -> Vec<&Checked<Exchange>> {
        let mut waiting: BTreeMap<&str, &Checked<Exchange>> = self
            .exchanges
            .iter()
            .map(|exchange| (exchange.value.name.as_str(), exchange))
            .collect();
        let mut ordered = Vec::with_capacity(self.exchanges.len());
        for exchange in &self.exchanges {
            // The chain of alternates, the last first. Taking from `waiting` ends circles.
            let mut chain = Vec::new();
            let mut next = waiting.remove(exchange.value.name.as_str());
            while let Some(one) = next {
                chain.push(one);
                next = alternate(&one.value).and_then(|name| waiting.remove(name));
            }
            ordered.extend(chain.into_iter().rev());
        }
        ordered
    }
}

fn alternate(exchange: &Exchange) -> Option<&str> {
    match exchange.arguments.get("alternate-exchange") {
        Some(Setting::Text(name)) => Some(name),
        _ => None,
    }
}
