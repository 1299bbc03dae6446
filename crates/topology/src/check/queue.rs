//! A queue or a stream, checked.

use super::{CheckedObjects, Reference, Target, binding};
use crate::evaluate::Scope;
use crate::problem::{Problems, did_you_mean, quote};
use crate::raw::RawQueue;
use crate::{Checked, Destination, Queue, QueueKind, arguments};

pub(super) fn check(
    raw: &RawQueue,
    scope: Scope<'_>,
    objects: &mut CheckedObjects,
    problems: &mut Problems,
) {
    let kind = kind(raw, scope, problems);
    let name = objects
        .queue_names
        .note("queue", &raw.head, scope, (), problems);
    let mut flag = |raw: &Option<_>, what, default| match raw {
        Some(raw) => scope.flag(raw, what, problems),
        None => Some(default),
    };
    let durable = flag(&raw.durable, "`durable`", true);
    let auto_delete = flag(&raw.auto_delete, "`auto-delete`", false);
    if let Some(kind @ (QueueKind::Quorum | QueueKind::Stream)) = kind {
        let kind = kind.as_str();
        if let (Some(false), Some(written)) = (durable, &raw.durable) {
            problems.at(written.line, format!("type = \"{kind}\" is always durable"));
        }
        if let (Some(true), Some(written)) = (auto_delete, &raw.auto_delete) {
            problems.at(
                written.line,
                format!("type = \"{kind}\" cannot be auto-delete"),
            );
        }
    }
    let arguments = arguments::of_queue(&raw.body.arguments, kind, scope, problems);
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
    objects.references.extend(dead_letters(raw, &name, scope));
    let to = Destination::Queue(name.clone());
    binding::check(
        &raw.body.bindings,
        raw.head.line,
        Some(&to),
        scope,
        objects,
        problems,
    );

    let checked = || {
        let kind = kind?;
        let mut arguments = arguments?;
        arguments.extend(unchecked?);
        arguments.insert("x-queue-type".to_owned(), kind.as_str().into());
        Some(Queue {
            name,
            kind,
            durable: durable?,
            auto_delete: auto_delete?,
            arguments,
        })
    };
    objects.queues.extend(checked().map(|value| Checked {
        value,
        line: raw.head.line,
    }));
}

/// Where a queue's dead letters go: an exchange, and by the default exchange a queue.
fn dead_letters(raw: &RawQueue, name: &str, scope: Scope<'_>) -> Option<Reference> {
    let text = |argument: &str| arguments::text(&raw.body.arguments, argument, scope);
    let exchange = text("x-dead-letter-exchange")?;
    let target = match text("x-dead-letter-routing-key") {
        Some(queue) if exchange.is_empty() => Target::Queue(queue),
        _ => Target::Exchange(exchange),
    };
    let written = raw
        .body
        .arguments
        .iter()
        .find(|entry| entry.key == "x-dead-letter-exchange");
    Some(Reference {
        description: raw.head.line,
        line: written.map_or(raw.head.line, |entry| entry.line),
        target,
        says: format!("queue {} dead-letters to", quote(name)),
    })
}

fn kind(raw: &RawQueue, scope: Scope<'_>, problems: &mut Problems) -> Option<QueueKind> {
    let kinds = QueueKind::NAMES;
    let Some(written) = &raw.kind else {
        problems.at(
            raw.head.line,
            format!(
                "queue {} needs a `type`: {}",
                quote(&raw.head.name),
                kinds.join(", ")
            ),
        );
        return None;
    };
    let text = scope.text(written, "`type`", problems)?;
    let kind = QueueKind::named(&text);
    if kind.is_none() {
        let hint = did_you_mean(&text, kinds);
        problems.at(
            written.line,
            format!(
                "{} is no type of queue{hint}: there are {}",
                quote(&text),
                kinds.join(", ")
            ),
        );
    }
    kind
}
