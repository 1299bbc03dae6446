//! Objects of the file as the broker is told of them, and as people are.

use broker::{
    Argument, BindingDeclaration, BindingDestination, ExchangeDeclaration, QueueDeclaration,
};
use topology::{Arguments, Binding, Destination, Exchange, Queue, Setting, Step};

/// What stands in the second column.
pub(crate) fn kind(step: &Step<'_>) -> &'static str {
    match step {
        Step::Exchange(_) => "exchange",
        Step::Queue(_) => "queue",
        Step::Binding(_) => "binding",
    }
}

/// What stands in the third.
pub(crate) fn name(step: &Step<'_>) -> String {
    match step {
        Step::Exchange(one) => one.value.to_string(),
        Step::Queue(one) => one.value.to_string(),
        Step::Binding(one) => one.value.to_string(),
    }
}

pub(crate) fn exchange(exchange: &Exchange) -> ExchangeDeclaration {
    ExchangeDeclaration {
        name: exchange.name.clone(),
        kind: exchange.kind.as_str().to_owned(),
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        arguments: arguments(&exchange.arguments),
    }
}

pub(crate) fn queue(queue: &Queue) -> QueueDeclaration {
    QueueDeclaration {
        name: queue.name.clone(),
        durable: queue.durable,
        exclusive: false,
        auto_delete: queue.auto_delete,
        arguments: arguments(&queue.arguments),
    }
}

pub(crate) fn binding(binding: &Binding) -> BindingDeclaration {
    BindingDeclaration {
        from: binding.from.clone(),
        to: match &binding.to {
            Destination::Queue(name) => BindingDestination::Queue(name.clone()),
            Destination::Exchange(name) => BindingDestination::Exchange(name.clone()),
        },
        key: binding.key.clone(),
        arguments: arguments(&binding.arguments),
    }
}

fn arguments(arguments: &Arguments) -> Vec<(String, Argument)> {
    let argument = |setting: &Setting| match setting {
        Setting::Bool(truth) => Argument::Bool(*truth),
        Setting::Int(number) => Argument::Int(*number),
        Setting::Text(text) => Argument::Text(text.clone()),
        // A file has none of the others among its arguments.
        other => Argument::Text(other.to_string()),
    };
    arguments
        .iter()
        .map(|(name, setting)| (name.clone(), argument(setting)))
        .collect()
}
