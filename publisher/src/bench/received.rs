//! The alerts of a run, as they come.

use anyhow::Result;
use broker::Delivery;
use trade::{Alert, PUBLISHED_HEADER, READ_HEADER};

use crate::bench::accounts::Accounts;
use crate::bench::clock::Clock;
use crate::bench::latency::Latency;

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

    /// An alert came with this delivery; `epoch_us` is the time of day.
    pub(crate) fn take(
        &mut self,
        alert: &Alert,
        delivery: &Delivery,
        clock: &Clock,
        epoch_us: i64,
    ) {
        let now_us = clock.now_us();
        self.alerts += 1;
        self.last_us = now_us;
        let due_us = self.accounts.received(&alert.order_id, &alert.tipped_by);
        let Some(due_us) = due_us.filter(|due_us| clock.is_measured(*due_us)) else {
            return;
        };
        self.last_measured_us = now_us;
        self.due_to_alert.record(now_us.saturating_sub(due_us));
        let published_us = alert.raised_time_us;
        let read_us = delivery.integer(READ_HEADER);
        let raised_us = delivery.integer(PUBLISHED_HEADER);
        let now_us = Some(epoch_us);
        record(&mut self.publish_to_alert, published_us, now_us);
        record(&mut self.publish_to_read, published_us, read_us);
        record(&mut self.alert_to_received, raised_us, now_us);
    }
}

/// Records the time between two times of day, if both are known.
fn record(latency: &mut Latency, from_us: Option<i64>, to_us: Option<i64>) {
    if let (Some(from_us), Some(to_us)) = (from_us, to_us) {
        let took_us = u64::try_from(to_us.saturating_sub(from_us));
        latency.record(took_us.unwrap_or_default());
    }
}
