//! Alerts into the channel's queue, as fast as it goes or at a rate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::{Instant, sleep_until};
use trade::{Alert, OVER_PURCHASE, alert_id};

/// The time, in microseconds since the epoch.
pub(crate) fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}

/// An alert like no other, due now.
pub(crate) fn alert(number: usize) -> Alert {
    let due_us = now_us();
    let order_id = format!("{due_us}-{number}");
    Alert {
        alert_id: alert_id(OVER_PURCHASE, &order_id),
        kind: OVER_PURCHASE.to_owned(),
        order_id,
        client: "client-17".to_owned(),
        stock: "AAPL".to_owned(),
        requested: 100,
        purchased: 120,
        excess: 20,
        tipped_by: number.to_string(),
        opened_time_us: Some(due_us),
        raised_time_us: Some(due_us),
    }
}

/// Publishes so many, and waits until the broker has them all.
#[tokio::main]
pub(crate) async fn publish(url: &str, queue: &str, count: usize) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = confirming(&connection).await?;
    for number in 0..count {
        send(&channel, queue, number).await?;
    }
    channel.wait_for_confirms().await?;
    Ok(connection.close(200, "done".into()).await?)
}

/// Publishes at a rate, each when it is due, whatever becomes of the others.
#[tokio::main]
pub(crate) async fn publish_at(url: &str, queue: &str, rate: u32, seconds: u32) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = confirming(&connection).await?;
    let begun = Instant::now();
    for number in 0..rate * seconds {
        let due = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        sleep_until(begun + due).await;
        send(&channel, queue, number as usize).await?;
    }
    channel.wait_for_confirms().await?;
    Ok(connection.close(200, "done".into()).await?)
}

async fn confirming(connection: &Connection) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    let options = ConfirmSelectOptions::default();
    channel.confirm_select(options).await?;
    Ok(channel)
}

async fn send(channel: &Channel, queue: &str, number: usize) -> Result<()> {
    let body = alert(number).to_json();
    let (options, durable) = (
        BasicPublishOptions::default(),
        BasicProperties::default().with_delivery_mode(2),
    );
    channel
        .basic_publish("".into(), queue.into(), options, &body, durable)
        .await?;
    Ok(())
}
