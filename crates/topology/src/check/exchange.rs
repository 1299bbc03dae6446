//! An exchange, checked.

use super::{CheckedObjects, Reference, Target, binding};
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};
use crate::raw::RawExchange;
use crate::{Checked, Destination, Exchange, ExchangeKind, arguments};

pub(super) fn check(
    raw: &RawExchange,
    scope: Scope<'_>,
    objects: &mut CheckedObjects,
    problems: &mut Problems,
) {
    let kind = kind(raw, scope, problems);
    let name = objects
        .exchange_names
        .note("exchange", &raw.head, scope, kind.clone(), problems);
    let mut flag = |raw: &Option<_>, what, default| match raw {
        Some(raw) => scope.flag(raw, what, problems),
        None => Some(default),
    };
    let durable = flag(&raw.durable, "`durable`", true);
    let auto_delete = flag(&raw.auto_delete, "`auto-delete`", false);
    let internal = flag(&raw.internal, "`internal`", false);
    let arguments = arguments::of_exchange(&raw.body.arguments, scope, problems);
    let unchecked = arguments::unchecked(&raw.body.unchecked_arguments, scope, problems);

    let Some(name) = name else {
        binding::check(
            &raw.body.bindings,
            raw.head.line,
            None,
            scope,
            objects,
            problems,
        );
        return;
    };
    const ALTERNATE: &str = "alternate-exchange";
    if let Some(alternate) = arguments::text(&raw.body.arguments, ALTERNATE, scope) {
        let written = raw
            .body
            .arguments
            .iter()
            .find(|entry| entry.key == ALTERNATE);
        objects.references.push(Reference {
            description: raw.head.line,
            line: written.map_or(raw.head.line, |entry| entry.line),
            target: Target::Exchange(alternate),
            says: format!("exchange {} hands on to", quote(&name)),
        });
    }
    let to = Destination::Exchange(name.clone());
    binding::check(
        &raw.body.bindings,
        raw.head.line,
        Some(&to),
        scope,
        objects,
        problems,
    );

    let checked = || {
        let mut arguments = arguments?;
        arguments.extend(unchecked?);
        Some(Exchange {
            name,
            kind: kind?,
            durable: durable?,
            auto_delete: auto_delete?,
            internal: internal?,
            arguments,
        })
    };
    objects.exchanges.extend(checked().map(|value| Checked {
        value,
        line: raw.head.line,
    }));
}

fn kind(raw: &RawExchange, scope: Scope<'_>, problems: &mut Problems) -> Option<ExchangeKind> {
    let kinds = ExchangeKind::BUILT_IN;
    let Some(written) = &raw.kind else {
        problems.at(
            raw.head.line,
            format!(
                "exchange {} needs a `type`: {}",
                quote(&raw.head.name),
                kinds.join(", ")
            ),
        );
        return None;
    };
    let text = scope.text(written, "`type`", problems)?;
    let kind = ExchangeKind::named(&text);
    if kind.is_none() {
        let hint = did_you_mean(&text, kinds);
        let message = format!(
            "{} is no type of exchange{hint}: there are {}, and those of plugins, which begin with x-",
            quote(&text),
            kinds.join(", ")
        );
        problems.at(written.line, message);
    }
    kind
}
