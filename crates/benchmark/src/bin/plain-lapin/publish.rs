//! Publishes ready-made messages with confirms, a window of them at a time.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, PublisherConfirm};
use topology::names;
use trade::pack::{Limits, Packed, Packer};
use trade::{NDJSON, TIME_HEADER};

use crate::{connect, epoch_us, persistent};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Trades, one JSON object a line
    #[arg(long)]
    file: PathBuf,
    /// How many shards there are
    #[arg(long)]
    shards: u32,
    /// Trades of a message, at most
    #[arg(long, default_value_t = Limits::TO_SHARDS.trades)]
    batch: usize,
    /// Messages that may be unconfirmed
    #[arg(long, default_value_t = 256)]
    confirm: usize,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Packs the trades first, so that only publishing is measured.
pub(crate) async fn run(url: &str, options: &Options) -> Result<()> {
    let messages = packed(&options.file, options)?;
    let connection = connect(url, "plain publisher").await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let exchange = names::shards_exchange(options.shards);

    let began_us = epoch_us();
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut unconfirmed = VecDeque::with_capacity(options.confirm);
    let (mut trades, mut sent) = (0, 0);
    for message in messages.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        if unconfirmed.len() >= options.confirm
            && let Some(oldest) = unconfirmed.pop_front()
        {
            confirmed(oldest).await?;
        }
        unconfirmed.push_back(publish(&channel, &exchange, message).await?);
        trades += message.tags.len();
        sent += 1;
    }
    for confirm in unconfirmed {
        confirmed(confirm).await?;
    }
    let ended_us = epoch_us();

    for shard in 0..options.shards {
        let empty = Packed {
            shard,
            body: Vec::new(),
            tags: Vec::new(),
        };
        confirmed(publish(&channel, &exchange, &empty).await?).await?;
    }
    println!(
        r#"{{"trades":{trades},"messages":{sent},"began_us":{began_us},"ended_us":{ended_us}}}"#
    );
    Ok(())
}

fn packed(file: &Path, options: &Options) -> Result<Vec<Packed<()>>> {
    let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let limits = Limits {
        trades: options.batch,
        linger_us: u64::MAX,
        ..Limits::TO_SHARDS
    };
    let mut packer = Packer::new(options.shards, limits);
    let mut messages = Vec::new();
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let trade =
            trade::read(line).with_context(|| format!("read a trade of {}", file.display()))?;
        let shard = trade::shard_of(trade.order_id(), options.shards);
        messages.extend(packer.push(shard, line, (), 0));
    }
    messages.extend(std::iter::from_fn(|| packer.pop_any()));
    ensure!(
        !messages.is_empty(),
        "publish anything: {} is empty",
        file.display()
    );
    Ok(messages)
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    message: &Packed<()>,
) -> Result<PublisherConfirm> {
    let mut headers = FieldTable::default();
    headers.insert(TIME_HEADER.into(), AMQPValue::LongLongInt(epoch_us()));
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published = channel.basic_publish(
        exchange.into(),
        message.shard.to_string().into(),
        options,
        &message.body,
        persistent(NDJSON).with_headers(headers),
    );
    published.await.context("publish")
}

async fn confirmed(confirm: PublisherConfirm) -> Result<()> {
    let confirmation = confirm.await.context("publish")?;
    ensure!(
        matches!(confirmation, Confirmation::Ack(None)),
        "publish: the broker took it in no queue"
    );
    Ok(())
}
