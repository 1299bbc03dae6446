//! Counts what the sinks received, each by its own record, and compares it with the oracle.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use oracle::Expected;
use trade::Alert;

use crate::broker::Broker;
use crate::crew::Crew;
use crate::table::Table;

/// A channel that nobody delivers in the demo: its queue keeps every alert that was published.
const WITNESS: &str = "stdout";

/// Counts mails, posts and alerts.
pub(crate) fn count(
    crew: &Crew,
    broker: &Broker,
    expected: impl Iterator<Item = Expected>,
) -> Result<Table> {
    let expected: BTreeSet<String> = expected.map(|order| order.order_id).collect();
    let mails = crew.mail.orders()?;
    let mut posts = Vec::new();
    for post in crew.webhook.posts()? {
        let body = post["body"].as_str().context("a post without a body")?;
        posts.push(Alert::from_json(body.as_bytes())?.order_id);
    }
    let published = broker
        .amqp()?
        .drain(&topology::names::alert_queue(WITNESS))?;
    let mut alerts = BTreeSet::new();
    for message in &published {
        alerts.insert(Alert::from_json(&message.body)?.alert_id);
    }
    let mut table = Table {
        over_purchased: expected.len() as u64,
        alerts_published: published.len() as u64,
        alerts: alerts.len() as u64,
        mails: mails.len() as u64,
        posts: posts.len() as u64,
        ..Table::default()
    };
    for received in [mails, posts] {
        let mut times: BTreeMap<String, u64> = BTreeMap::new();
        for order in received {
            *times.entry(order).or_default() += 1;
        }
        table.duplicates += times.values().map(|times| times - 1).sum::<u64>();
        table.missed += expected
            .iter()
            .filter(|order| !times.contains_key(*order))
            .count() as u64;
        table.wrong += times
            .keys()
            .filter(|order| !expected.contains(*order))
            .count() as u64;
    }
    Ok(table)
}
