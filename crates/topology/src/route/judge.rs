//! Bindings, judged by the type of their exchange.

use super::{Certainty, Judged, Message, headers, topic};
use crate::{Binding, Exchange, ExchangeKind, Setting};

/// Exchange types of plugins that give a message to one of their bindings.
const ONE_OF: [&str; 4] = [
    "x-consistent-hash",
    "x-local-random",
    "x-modulus-hash",
    "x-random",
];

/// Judges the bindings of one exchange.
pub(super) fn all(exchange: &Exchange, bindings: &[&Binding], message: &Message) -> Vec<Judged> {
    let kind = effective(exchange);
    bindings
        .iter()
        .map(|binding| {
            let (verdict, why) = one(&kind, binding, bindings.len(), message);
            Judged {
                binding: (*binding).clone(),
                verdict,
                why,
            }
        })
        .collect()
}

/// The type that decides: a delayed exchange routes as the type that it delays.
fn effective(exchange: &Exchange) -> ExchangeKind {
    match exchange.kind.as_str() {
        "x-delayed-message" => {
            let delayed = exchange.arguments.get("x-delayed-type");
            let delayed = delayed.and_then(Setting::text);
            delayed.map_or_else(|| exchange.kind.clone(), ExchangeKind::of)
        }
        "x-recent-history" => ExchangeKind::Fanout,
        _ => exchange.kind.clone(),
    }
}

fn one(
    kind: &ExchangeKind,
    binding: &Binding,
    bindings: usize,
    message: &Message,
) -> (Certainty, String) {
    let key = &binding.key;
    let (matches, why) = match kind {
        ExchangeKind::Direct if *key == message.key => (true, format!("the key is {key:?}")),
        ExchangeKind::Direct => (false, format!("the key is not {key:?}")),
        ExchangeKind::Fanout => (true, "a fanout exchange gives to all".to_owned()),
        ExchangeKind::Topic if topic::matches(key, &message.key) => {
            (true, format!("the key matches {key:?}"))
        }
        ExchangeKind::Topic => (false, format!("the key does not match {key:?}")),
        ExchangeKind::Headers => headers::matches(&binding.arguments, &message.headers),
        ExchangeKind::Plugin(name) if ONE_OF.contains(&name.as_str()) && bindings == 1 => {
            (true, "it is the only one to choose".to_owned())
        }
        ExchangeKind::Plugin(name) if ONE_OF.contains(&name.as_str()) => {
            let why = format!("{name} gives to one of its {bindings} bindings");
            return (Certainty::Perhaps, why);
        }
        ExchangeKind::Plugin(name) => {
            let why = format!("the plugin of {name} decides, and is not known here");
            return (Certainty::Perhaps, why);
        }
    };
    let verdict = if matches {
        Certainty::Yes
    } else {
        Certainty::No
    };
    (verdict, why)
}
