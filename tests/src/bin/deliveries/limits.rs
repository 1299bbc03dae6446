//! What the parts can do alone, in alerts a second.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use futures::future::try_join_all;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use ledger::{Ledger, NewEntry, Outcome, Sqlite, Wanted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{alert, now_us};
use crate::receiver::Receiver;

/// Entries in one transaction of the ledger alone, and messages in one acknowledgement.
const TOGETHER: usize = 256;

/// POSTs over so many connections that are kept, each with one request under way.
#[tokio::main]
pub(crate) async fn plain_client(receiver: &Receiver, count: usize, at_once: u16) -> Result<f64> {
    let share = count.div_ceil(usize::from(at_once));
    receiver.forget()?;
    let begun = Instant::now();
    let connections = (0..at_once).map(|at| {
        let first = usize::from(at) * share;
        tokio::spawn(one_connection(receiver.port, first..first + share))
    });
    for ended in try_join_all(connections).await? {
        ended?;
    }
    let (sent, took) = (share * usize::from(at_once), begun.elapsed());
    let arrived = receiver.arrived()?.distinct;
    ensure!(arrived == sent, "post {sent} alerts: {arrived} arrived");
    Ok(sent as f64 / took.as_secs_f64())
}

async fn one_connection(port: u16, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut answer = [0; 1024];
    for number in numbers {
        let body = alert(number).to_json();
        let head = format!(
            "POST /alerts HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        stream.write_all(&request).await?;
        // An answer without a body, in one piece.
        let read = stream.read(&mut answer).await?;
        ensure!(answer[..read].starts_with(b"HTTP/1.1 200"), "get a 200");
    }
    Ok(())
}

/// The four steps of each entry, from pending to delivered, so many entries in each transaction.
#[tokio::main]
pub(crate) async fn ledger_alone(folder: &Path, count: usize) -> Result<f64> {
    let now_ms = now_us() / 1000;
    let (ledger, _) = Sqlite::open(&folder.join("alone.ledger"), now_ms)?;
    let begun = Instant::now();
    for first in (0..count).step_by(TOGETHER) {
        let entries = (first..count.min(first + TOGETHER)).map(|number| {
            let alert = alert(number);
            NewEntry {
                alert: alert.alert_id.to_string(),
                channel: "webhook".to_owned(),
                recipient: "endpoint".to_owned(),
                payload: alert.to_json(),
            }
        });
        ledger.insert(entries.collect(), now_ms).await?;
        let claims = ledger
            .claim(Wanted::of("webhook", TOGETHER, 30_000), now_ms)
            .await?;
        let tickets: Vec<_> = claims.iter().map(|claim| claim.ticket).collect();
        ledger.begin(tickets.clone(), None, 30_000, now_ms).await?;
        let outcome = Outcome::Delivered("answered 200".to_owned());
        ledger.record(tickets, outcome, now_ms).await?;
    }
    let took = begun.elapsed();
    ledger.close().await;
    Ok(count as f64 / took.as_secs_f64())
}

/// Takes messages off a queue and acknowledges many at a time.
#[tokio::main]
pub(crate) async fn plain_consumer(url: &str, queue: &str, count: usize) -> Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let prefetch = BasicQosOptions::default();
    channel.basic_qos(2 * TOGETHER as u16, prefetch).await?;
    let begun = Instant::now();
    let options = BasicConsumeOptions::default();
    let mut consumer = channel
        .basic_consume(queue.into(), "limit".into(), options, FieldTable::default())
        .await?;
    for number in 1..=count {
        let delivery = consumer.next().await.context("consume")??;
        if number % TOGETHER == 0 || number == count {
            delivery.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    let took = begun.elapsed();
    connection.close(200, "done".into()).await?;
    Ok(count as f64 / took.as_secs_f64())
}
