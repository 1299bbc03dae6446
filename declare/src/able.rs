//! Whether the broker can hold the topology, asked before anything is changed.

use anyhow::anyhow;
use broker::{Argument, Error, QueueDeclaration, Server};
use topology::{Action, Object, Plan, Queue, QueueKind};

use crate::session::Session;

/// The oldest RabbitMQ that will do.
const OLDEST: (u32, u32) = (3, 10);

/// Checks the version.
///
/// # Errors
/// When the broker is too old, or none; says what to do.
pub(crate) fn version(server: &Server) -> anyhow::Result<()> {
    let (product, version) = (&server.product, &server.version);
    tracing::debug!(product, version, "the broker");
    if product != "RabbitMQ" {
        return Err(anyhow!(
            "use this broker: it calls itself {product} {version}, and RabbitMQ {}.{} or later is needed",
            OLDEST.0,
            OLDEST.1
        ));
    }
    if server.major_minor().is_some_and(|version| version < OLDEST) {
        return Err(anyhow!(
            "use this broker: it is RabbitMQ {version}, and {}.{} or later is needed; upgrade it",
            OLDEST.0,
            OLDEST.1
        ));
    }
    Ok(())
}

/// Checks that there can be queues of the kinds that are to be created.
///
/// # Errors
/// When the broker must be changed first; says what to do.
pub(crate) async fn kinds(plan: &Plan, session: &mut Session<'_>) -> anyhow::Result<()> {
    for kind in [QueueKind::Quorum, QueueKind::Stream] {
        let new = plan
            .of(Action::Create)
            .find_map(|entry| match &entry.wanted {
                Some(Object::Queue(queue)) if queue.kind == kind => Some(queue),
                _ => None,
            });
        if let Some(queue) = new {
            kind_works(queue, session).await?;
        }
    }
    Ok(())
}

/// Asks for a queue that no broker makes, an exclusive quorum queue or stream: a broker that
/// knows the type refuses the property, one that does not refuses the type. Nothing is created
/// either way. The name begins as the queue's own, because permissions go by names.
async fn kind_works(queue: &Queue, session: &mut Session<'_>) -> anyhow::Result<()> {
    let kind = queue.kind.as_str();
    let probe = QueueDeclaration {
        name: format!("{}.probe", queue.name),
        durable: true,
        exclusive: true,
        auto_delete: false,
        arguments: vec![("x-queue-type".to_owned(), Argument::Text(kind.to_owned()))],
    };
    match session
        .call(async |channel| channel.declare_queue(&probe).await)
        .await
    {
        Err(Error::Lost(words) | Error::Conflict(words) | Error::Protocol(words))
            if lacks_a_feature(&words) =>
        {
            Err(anyhow!(
                "make a {kind} queue, because the broker has that switched off: enable it with `rabbitmqctl enable_feature_flag {kind}_queue` and run this again (the broker says: {words})"
            ))
        }
        Err(error @ Error::Lost(_)) => Err(error.into()),
        // Refused as expected, or not allowed to ask: then the declaration itself will tell.
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Whether a lost connection is the broker's way to say so.
pub(crate) fn is_about_a_feature(error: &Error) -> bool {
    matches!(error, Error::Lost(words) if lacks_a_feature(words))
}

/// Whether the broker refuses because of a feature flag, which its operator can enable.
fn lacks_a_feature(words: &str) -> bool {
    words.contains("feature flag")
}
