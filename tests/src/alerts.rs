//! What came out, compared with what had to come out.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use oracle::Expected;
use trade::Alert;

use crate::amqp::Amqp;
use crate::message::Message;
use crate::trades::{purchase, request};
use crate::wait::PATIENCE;

/// Over-purchases one order more in each shard, waits for these alerts in `queue`, and gives all
/// others that are there by then.
///
/// A shard is a log, and the fence stands behind everything published before: so what has not
/// come out when its alerts are there will never come. `exchange` says which way the fence goes:
/// the shards' exchange, or the front door if one router only is at work there.
///
/// # Errors
///
/// When the fence's alerts do not come.
pub fn fenced_alerts(
    amqp: &Amqp,
    exchange: &str,
    shards: u32,
    queue: &str,
) -> Result<Vec<Message>> {
    let mut fence = BTreeSet::new();
    for shard in 0..shards {
        let mut ids = (0..).map(|number| format!("fence {number}"));
        let order = ids
            .find(|id| trade::shard_of(id, shards) == shard)
            .context("no id is left")?;
        let routing_key = if exchange == topology::names::TRADE_DATA {
            String::new()
        } else {
            shard.to_string()
        };
        let trades = request(&order, 1) + "\n" + &purchase("1", &order, 2);
        amqp.publish(exchange, &routing_key, trades)?;
        fence.insert(order);
    }
    let mut alerts = Vec::new();
    while !fence.is_empty() {
        for message in amqp
            .take(queue, 1)
            .with_context(|| format!("still missing: {fence:?}"))?
        {
            if !fence.remove(&Alert::from_json(&message.body)?.order_id) {
                alerts.push(message);
            }
        }
    }
    Ok(alerts)
}

/// Fails unless these alerts (as JSON) are the expected ones, each once.
///
/// # Errors
///
/// With the orders that are missing, repeated or invented, or an alert that says wrong things.
pub fn same_alerts<'a>(
    alerts: impl IntoIterator<Item = &'a [u8]>,
    expected: &[Expected],
) -> Result<()> {
    let missed = missed_alerts(alerts, expected)?;
    ensure!(
        missed.is_empty(),
        "{} of {} missed: {missed:?}",
        missed.len(),
        expected.len()
    );
    Ok(())
}

/// The orders of the expected alerts that are not among these alerts (as JSON).
///
/// # Errors
///
/// With the orders that are repeated or invented, or an alert that says wrong things.
pub fn missed_alerts<'a>(
    alerts: impl IntoIterator<Item = &'a [u8]>,
    expected: &[Expected],
) -> Result<BTreeSet<String>> {
    let mut seen = BTreeSet::new();
    for body in alerts {
        let alert = Alert::from_json(body)?;
        let text = String::from_utf8_lossy(body);
        let order = expected
            .iter()
            .find(|expected| expected.order_id == alert.order_id);
        let order = order.with_context(|| format!("not over-purchased: {text}"))?;
        ensure!(seen.insert(alert.order_id.clone()), "alerted twice: {text}");
        ensure!(
            (&alert.client, &alert.stock, alert.requested)
                == (&order.client, &order.stock, order.requested)
                && alert.purchased > u128::from(alert.requested)
                && alert.purchased <= order.purchased_total
                && alert.excess == alert.purchased - u128::from(alert.requested)
                && alert.alert_id == trade::alert_id(trade::OVER_PURCHASE, &alert.order_id),
            "a wrong alert: {text}, expected was {order:?}"
        );
    }
    let orders = expected.iter().map(|order| order.order_id.clone());
    Ok(orders.filter(|order| !seen.contains(order)).collect())
}

/// Fails if orders were missed before the fence came, and tells those that alert behind it from
/// those that never do: the first are late, which is a fault of the order of publishing, the
/// others are lost.
///
/// # Errors
///
/// When there are any.
pub fn none_missed(amqp: &Amqp, queue: &str, missed: &BTreeSet<String>) -> Result<()> {
    const QUIET: Duration = Duration::from_secs(3);
    if missed.is_empty() {
        return Ok(());
    }
    let mut late = BTreeSet::new();
    let (began, mut came) = (Instant::now(), Instant::now());
    while late.len() < missed.len() && came.elapsed() < QUIET && began.elapsed() < PATIENCE {
        let Some(message) = amqp.next(queue)? else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        came = Instant::now();
        let order = Alert::from_json(&message.body)?.order_id;
        late.extend(missed.get(&order).cloned());
    }
    let lost: Vec<_> = missed.difference(&late).collect();
    bail!(
        "{} missed when the fence came. Late, not lost: {late:?}. Lost: {lost:?}",
        missed.len()
    )
}
