//! The alerts of a run, as they come.

use anyhow::Result;
use broker::Delivery;
use trade::{Alert, PUBLISHED_HEADER, READ_HEADER};

use crate::bench::accounts::Accounts;
use crate::bench::clock::Clock;
use crate::bench::latency::Latency;
use crate::bench::listing::Measured;

/// What came out: the accounts, and how long it took.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) accounts: Accounts,
    /// From the moment at which the purchase that tipped the order was due.
    pub(crate) due_to_alert: Latency,
    /// From the moment at which the message with that purchase was published.
    pub(crate) publish_to_alert: Latency,
    /// From there until it was read.
    pub(crate) publish_to_read: Latency,
    /// From the moment at which the alert was published.
    pub(crate) alert_to_received: Latency,
    pub(crate) alerts: u64,
    /// When the last alert came, and the last one that was measured.
    pub(crate) last_us: u64,
    pub(crate) last_measured_us: u64,
}

impl Received {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            accounts: Accounts::default(),
            due_to_alert: Latency::new()?,
            publish_to_alert: Latency::new()?,
            publish_to_read: Latency::new()?,
            alert_to_received: Latency::new()?,
            alerts: 0,
            last_us: 0,
            last_measured_us: 0,
        })
    }

    /// An alert came with this delivery; `epoch_us` is the time of day. Gives its latencies, if it
    /// is one that is measured.
    pub(crate) fn take(
        &mut self,
        alert: &Alert,
        delivery: &Delivery,
        clock: &Clock,
        epoch_us: i64,
    ) -> Option<Measured> {
        let now_us = clock.now_us();
        self.alerts += 1;
        self.last_us = now_us;
        let due_us = self.accounts.received(&alert.order_id, &alert.tipped_by);
        let due_us = due_us.filter(|due_us| clock.is_measured(*due_us))?;
        self.last_measured_us = now_us;
        let published_us = alert.raised_time_us;
        let read_us = delivery.integer(READ_HEADER);
        let raised_us = delivery.integer(PUBLISHED_HEADER);
        let measured = Measured {
            due_us: clock.measured_us(due_us),
            due_epoch_us: clock.at_epoch_us(due_us),
            due_to_alert: now_us.saturating_sub(due_us),
            publish_to_alert: between(published_us, Some(epoch_us)),
            publish_to_read: between(published_us, read_us),
            alert_to_received: between(raised_us, Some(epoch_us)),
        };
        self.due_to_alert.record(measured.due_to_alert);
        let parts = [
            (&mut self.publish_to_alert, measured.publish_to_alert),
            (&mut self.publish_to_read, measured.publish_to_read),
            (&mut self.alert_to_received, measured.alert_to_received),
        ];
        for (latency, took_us) in parts {
            if let Some(took_us) = took_us {
                latency.record(took_us);
            }
        }
        Some(measured)
    }
}

/// The time between two times of day, if both are known.
fn between(from_us: Option<i64>, to_us: Option<i64>) -> Option<u64> {
    let took_us = to_us?.saturating_sub(from_us?);
    Some(u64::try_from(took_us).unwrap_or_default())
}
