//! From the ledger to `Aldebaran.Undelivered`: what failed is published there, with its reason
//! and history, and then marked as published. Killed in between, it is published again under the
//! same message id.

use std::{sync::Arc, time::Duration};

use broker::{Connection, Endpoint, Header, Message, Publisher, connect};
use ledger::{Dead, Entry};
use tokio_util::sync::CancellationToken;
use topology::names::{UNDELIVERED, alert_queue};

use crate::{crash, desk::Desk, wording::one_line};

/// Between looks, when nobody rang; and between tries when the broker is away.
const TICK: Duration = Duration::from_secs(1);
/// Entries taken in one look, and unconfirmed messages.
const AT_ONCE: usize = 100;

/// What stands for a recipient where a message could not even be read.
pub(crate) const NOBODY: &str = "-";

/// The header that says which failure of its entry a message is about.
pub(crate) const BURIAL: &str = "aldebaran-burial";
/// The headers that name the entry.
pub(crate) const CHANNEL: &str = "aldebaran-channel";
pub(crate) const ALERT: &str = "aldebaran-alert";
pub(crate) const RECIPIENT: &str = "aldebaran-recipient";

/// Publishes until `stop`. A broker that is away is waited for; the ledger keeps what waits.
///
/// # Errors
/// When the ledger fails.
pub(crate) async fn run(
    desk: &Arc<Desk>,
    endpoint: &Endpoint,
    stop: &CancellationToken,
) -> Result<(), ledger::Error> {
    let mut undertaker = Undertaker::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = desk.knell.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        let dead = desk.ledger.dead(&desk.channel.name, AT_ONCE).await?;
        if dead.is_empty() {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            published = undertaker.bury(desk, endpoint, dead) => match published {
                Ok(()) => undertaker.said = false,
                Err(Trouble::Ledger(error)) => return Err(error),
                Err(Trouble::Broker(error)) => undertaker.lose(&error),
            }
        }
    }
}

#[derive(Default)]
struct Undertaker {
    session: Option<(Connection, Publisher)>,
    said: bool,
}

enum Trouble {
    Ledger(ledger::Error),
    Broker(broker::Error),
}

impl From<broker::Error> for Trouble {
    fn from(error: broker::Error) -> Self {
        Self::Broker(error)
    }
}

impl Undertaker {
    async fn bury(
        &mut self,
        desk: &Desk,
        endpoint: &Endpoint,
        dead: Vec<Dead>,
    ) -> Result<(), Trouble> {
        if self.session.is_none() {
            let name = format!("channel-boy {} undelivered", desk.channel.name);
            let connection = Box::pin(connect(endpoint, &name)).await?;
            let publisher = connection.publisher(AT_ONCE).await?;
            self.session = Some((connection, publisher));
        }
        let Some((_, publisher)) = &self.session else {
            return Ok(());
        };
        let mut receipts = Vec::new();
        for dead in dead {
            let receipt = publisher.publish(&message(&dead)).await?;
            receipts.push((dead, receipt));
        }
        for (dead, receipt) in receipts {
            receipt.confirmed().await?;
            crash::point("published");
            let buried = desk.ledger.buried(dead.grave).await;
            if buried.map_err(Trouble::Ledger)? {
                desk.tally.undelivered.add(1);
            }
        }
        Ok(())
    }

    fn lose(&mut self, error: &broker::Error) {
        self.session = None;
        if !self.said {
            tracing::warn!(
                "cannot publish to {UNDELIVERED}: {error}; it is kept in the ledger until then"
            );
            self.said = true;
        }
    }
}

/// The message that stands for a failure: the alert as it came, and what became of it.
fn message(dead: &Dead) -> Message {
    let entry = &dead.entry;
    let text = |text: &str| Header::Text(one_line(text, 1000));
    let reason = match entry.recipient.as_str() {
        NOBODY => "unreadable",
        _ => "failed",
    };
    let mut headers = vec![
        ("aldebaran-reason", text(reason)),
        ("aldebaran-detail", text(&entry.note)),
        (CHANNEL, Header::Text(entry.channel.clone())),
        (ALERT, Header::Text(entry.alert.clone())),
        (RECIPIENT, Header::Text(entry.recipient.clone())),
        (BURIAL, Header::Int(dead.grave.burial.into())),
        ("aldebaran-attempts", Header::Int(entry.attempts.into())),
        ("aldebaran-inserted-ms", Header::Int(entry.created_ms)),
        ("aldebaran-failed-ms", Header::Int(entry.updated_ms)),
    ];
    if let Some(first_try_ms) = entry.first_try_ms {
        headers.push(("aldebaran-first-try-ms", Header::Int(first_try_ms)));
    }
    Message {
        exchange: UNDELIVERED.to_owned(),
        routing_key: alert_queue(&entry.channel),
        body: dead.payload.clone().into(),
        content_type: Some("application/json"),
        message_id: Some(message_id(entry, dead.grave.burial)),
        headers,
    }
}

/// The same for the same failure, however often it is published.
fn message_id(entry: &Entry, burial: u32) -> String {
    let Entry {
        alert,
        channel,
        recipient,
        ..
    } = entry;
    let hash = ledger::hash(format!("{alert}\n{channel}\n{recipient}\n{burial}").as_bytes());
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
