//! Reads all shards, and parses every trade.

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, Connection, Consumer, PublisherConfirm};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use topology::names;
use trade::{
    Alert, OVER_PURCHASE, PUBLISHED_HEADER, Purchase, READ_HEADER, TIME_HEADER, TIPS_HEADER, Trade,
    alert_id, read_batch,
};

use crate::{connect, epoch_us, persistent};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many shards there are
    #[arg(long)]
    shards: u32,
    /// Deliveries that may be unacknowledged, in each shard
    #[arg(long, default_value_t = 256)]
    prefetch: u16,
    /// Deliveries that are acknowledged together
    #[arg(long, default_value_t = 16)]
    ack_every: u64,
}

/// What was read.
#[derive(Default)]
struct Read {
    trades: usize,
    messages: u64,
    last_us: i64,
}

/// A consumer of one shard.
struct Reader {
    deliveries: Consumer,
    inbound: Channel,
    outbound: Channel,
    confirms: FuturesUnordered<PublisherConfirm>,
    ack_every: u64,
    read: Read,
}

/// Reads what comes from now on, until each shard gave an empty message or SIGTERM comes.
pub(crate) async fn run(url: &str, options: &Options) -> Result<()> {
    let inbound = connect(url, "plain consumer in").await?;
    let outbound = connect(url, "plain consumer out").await?;
    let mut readers = JoinSet::new();
    for shard in 0..options.shards {
        let reader = Reader::open(&inbound, &outbound, shard, options).await?;
        readers.spawn(reader.run());
    }
    eprintln!("reading {} shards", options.shards);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut all = Read::default();
    loop {
        tokio::select! {
            read = readers.join_next() => {
                let Some(read) = read else { break };
                let read = read??;
                all.trades += read.trades;
                all.messages += read.messages;
                all.last_us = all.last_us.max(read.last_us);
            }
            _ = terminate.recv() => return Ok(()),
        }
    }
    let Read {
        trades,
        messages,
        last_us,
    } = all;
    println!(r#"{{"trades":{trades},"messages":{messages},"last_us":{last_us}}}"#);
    Ok(())
}

impl Reader {
    async fn open(
        inbound: &Connection,
        outbound: &Connection,
        shard: u32,
        options: &Options,
    ) -> Result<Self> {
        let inbound = inbound.create_channel().await?;
        inbound
            .basic_qos(options.prefetch, BasicQosOptions::default())
            .await?;
        let mut from = FieldTable::default();
        let next = AMQPValue::LongString("next".into());
        from.insert("x-stream-offset".into(), next);
        let stream = names::shard_stream(options.shards, shard);
        let consuming = BasicConsumeOptions::default();
        let deliveries = inbound
            .basic_consume(stream.as_str().into(), "plain".into(), consuming, from)
            .await
            .with_context(|| format!("read {stream}"))?;
        let outbound = outbound.create_channel().await?;
        outbound
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            deliveries,
            inbound,
            outbound,
            confirms: FuturesUnordered::new(),
            ack_every: options.ack_every,
            read: Read::default(),
        })
    }

    async fn run(mut self) -> Result<Read> {
        loop {
            tokio::select! {
                Some(confirmation) = self.confirms.next(), if !self.confirms.is_empty() => {
                    let is_taken = matches!(confirmation?, Confirmation::Ack(None));
                    ensure!(is_taken, "publish an alert: no queue took it");
                }
                delivery = self.deliveries.next() => {
                    let delivery = delivery.context("read on: the consumer was cancelled")??;
                    if delivery.data.is_empty() {
                        return Ok(self.read);
                    }
                    self.take(&delivery).await?;
                }
            }
        }
    }

    async fn take(&mut self, delivery: &Delivery) -> Result<()> {
        let read_us = epoch_us();
        let tips = tips(delivery);
        for (place, item) in read_batch(&delivery.data).enumerate() {
            let trade = item.trade.context("read a trade")?;
            self.read.trades += 1;
            if tips.contains(&place)
                && let Trade::Purchase(purchase) = &trade
            {
                let raised_us = integer(delivery, TIME_HEADER);
                self.raise(&alert(purchase, raised_us), read_us).await?;
            }
        }
        self.read.last_us = epoch_us();
        self.read.messages += 1;
        if self.read.messages.is_multiple_of(self.ack_every) {
            let acknowledged = BasicAckOptions { multiple: true };
            self.inbound
                .basic_ack(delivery.delivery_tag, acknowledged)
                .await?;
        }
        Ok(())
    }

    async fn raise(&mut self, alert: &Alert, read_us: i64) -> Result<()> {
        let mut headers = FieldTable::default();
        headers.insert(READ_HEADER.into(), AMQPValue::LongLongInt(read_us));
        let now = AMQPValue::LongLongInt(epoch_us());
        headers.insert(PUBLISHED_HEADER.into(), now);
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = persistent("application/json").with_headers(headers);
        let body = alert.to_json();
        let published = self.outbound.basic_publish(
            names::ALERT.into(),
            alert.routing_key().into(),
            options,
            &body,
            properties,
        );
        self.confirms.push(published.await?);
        Ok(())
    }
}

/// The places of the trades that an alert is to be raised for.
fn tips(delivery: &Delivery) -> Vec<usize> {
    let Some(AMQPValue::LongString(places)) = header(delivery, TIPS_HEADER) else {
        return Vec::new();
    };
    let places = String::from_utf8_lossy(places.as_bytes());
    places
        .split(',')
        .filter_map(|place| place.parse().ok())
        .collect()
}

fn integer(delivery: &Delivery, name: &str) -> Option<i64> {
    match header(delivery, name)? {
        AMQPValue::LongLongInt(value) => Some(*value),
        _ => None,
    }
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// What an auditor would say, as far as one purchase tells it.
fn alert(purchase: &Purchase<'_>, time_us: Option<i64>) -> Alert {
    Alert {
        alert_id: alert_id(OVER_PURCHASE, &purchase.order_id),
        kind: OVER_PURCHASE.to_owned(),
        order_id: purchase.order_id.to_string(),
        client: purchase.client.to_string(),
        stock: purchase.stock.to_string(),
        requested: 0,
        purchased: purchase.shares.into(),
        excess: purchase.shares.into(),
        tipped_by: purchase.id.to_string(),
        opened_time_us: time_us,
        raised_time_us: time_us,
    }
}
