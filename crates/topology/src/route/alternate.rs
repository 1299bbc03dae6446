//! Where an exchange sends what none of its bindings takes.

use regex_lite::Regex;

use super::{Alternate, Certainty, Routing};
use crate::{Exchange, Policy, Setting};

impl Routing<'_> {
    /// The alternate exchange, given the best verdict of the bindings. The argument wins over a
    /// policy, and of the policies the one with the highest priority.
    pub(super) fn alternate(&self, exchange: &Exchange, matched: Certainty) -> Option<Alternate> {
        let argument = exchange.arguments.get("alternate-exchange");
        if let Some(name) = argument.and_then(Setting::text) {
            return Some(self.judged(name, "alternate-exchange", Certainty::Yes, matched));
        }
        let (policy, certainty) = self.policy(exchange)?;
        let name = policy.definition.get("alternate-exchange");
        let name = name.and_then(Setting::text)?;
        let from = format!("policy {}", policy.name);
        Some(self.judged(name, &from, certainty, matched))
    }

    fn judged(&self, name: &str, from: &str, set: Certainty, matched: Certainty) -> Alternate {
        let (verdict, why) = match matched {
            Certainty::Yes => (Certainty::No, "a binding matches".to_owned()),
            _ if self.find(name).is_none() => {
                let why = format!(
                    "no binding matches, but {from} names an exchange that is not there: the message is dropped"
                );
                (Certainty::No, why)
            }
            Certainty::Perhaps => (Certainty::Perhaps, "perhaps no binding matches".to_owned()),
            Certainty::No => (set, format!("no binding matches ({from})")),
        };
        Alternate {
            exchange: name.to_owned(),
            verdict,
            why,
        }
    }

    /// The policy that holds for an exchange. One whose pattern only the broker can read
    /// (look-around, back references) perhaps does.
    fn policy(&self, exchange: &Exchange) -> Option<(&Policy, Certainty)> {
        let applies = |policy: &&&Policy| matches!(policy.apply_to.as_str(), "all" | "exchanges");
        let fitting = self.policies.iter().filter(applies);
        fitting
            .filter_map(|policy| match Regex::new(&policy.pattern) {
                Ok(pattern) if pattern.is_match(&exchange.name) => Some((*policy, Certainty::Yes)),
                Ok(_) => None,
                Err(_) => Some((*policy, Certainty::Perhaps)),
            })
            .max_by_key(|(policy, _)| policy.priority)
    }
}
