//! A stage with auditors on it, and trades with times of their own.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use oracle::Expected;
use serde_json::Value;
use tests::{
    Amqp, Message, Program, Stage, Start, missed_alerts, none_missed, purchase, request, until,
};
use topology::names::{REJECTED, progress_queue, shard_stream, shards_exchange};
use trade::Alert;

/// The queue of the channel that nobody reads here but the witness.
pub(crate) const ALERTS: &str = "Aldebaran.Alert.stdout";

pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) struct Scene<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) amqp: Amqp,
    pub(crate) shards: u32,
    set: Vec<String>,
    time_us: Cell<Option<i64>>,
    fences: Cell<u32>,
}

impl<'a> Scene<'a> {
    /// Declares a topology of so many shards, with further variables as `NAME=VALUE`.
    pub(crate) fn open(stage: &'a Stage, shards: u32, variables: &[&str]) -> Result<Self> {
        let mut set = vec!["--set".to_owned(), format!("shards={shards}")];
        for variable in variables {
            set.extend(["--set".to_owned(), (*variable).to_owned()]);
        }
        let scene = Scene {
            stage,
            amqp: stage.amqp()?,
            shards,
            set,
            time_us: Cell::new(None),
            fences: Cell::new(0),
        };
        scene.declare()?;
        Ok(scene)
    }

    pub(crate) fn declare(&self) -> Result<()> {
        let set: Vec<_> = self.set.iter().map(String::as_str).collect();
        self.stage.declare(&set).map(drop)
    }

    /// One of our programs for this topology.
    pub(crate) fn program(&self, name: &str) -> Result<Start> {
        Ok(self.stage.program(name)?.args(&self.set))
    }

    pub(crate) fn auditor(&self, arguments: &[&str]) -> Result<Program> {
        self.program("auditor")?.args(arguments).start()
    }

    /// An auditor that owns a shard.
    pub(crate) fn owner(&self, arguments: &[&str]) -> Result<Program> {
        let mut auditor = self.auditor(arguments)?;
        auditor.says("took over")?;
        Ok(auditor)
    }

    /// From now on what is published carries this time, in microseconds since the epoch.
    pub(crate) fn set_time(&self, time_us: i64) {
        self.time_us.set(Some(time_us));
    }

    /// Publishes trades of one order in one message to its shard.
    pub(crate) fn publish(&self, order: &str, trades: &[String]) -> Result<()> {
        let shard = trade::shard_of(order, self.shards);
        self.publish_into(shard, trades.join("\n"))
    }

    pub(crate) fn publish_into(&self, shard: u32, body: String) -> Result<()> {
        let time_us = self.time_us.get().unwrap_or_else(now_us);
        let headers = [(trade::TIME_HEADER, Value::from(time_us))];
        let exchange = shards_exchange(self.shards);
        self.amqp
            .publish_with(&exchange, &shard.to_string(), body, &headers)
    }

    /// An order that is over-purchased by one message.
    pub(crate) fn over_purchase(&self, order: &str) -> Result<()> {
        self.publish(order, &[request(order, 1), purchase("p", order, 2)])
    }

    /// So many orders of a name, each over-purchased by a message of its own.
    pub(crate) fn over_purchase_all(
        &self,
        name: &str,
        numbers: std::ops::Range<u32>,
    ) -> Result<BTreeSet<String>> {
        let orders = numbers.map(|number| format!("{name} {number}"));
        orders
            .map(|order| self.over_purchase(&order).map(|()| order))
            .collect()
    }

    /// All alerts that the trades published before raise.
    pub(crate) fn alerts(&self) -> Result<Vec<Message>> {
        let mut fence = BTreeSet::new();
        for shard in 0..self.shards {
            let order = self.new_order_of(shard)?;
            self.over_purchase(&order)?;
            fence.insert(order);
        }
        let mut alerts = Vec::new();
        while !fence.is_empty() {
            let message = self.amqp.take(ALERTS, 1).with_context(|| {
                let came: Vec<_> = alerts.iter().map(order_of).collect();
                format!("before it came {came:?}")
            })?;
            for message in message {
                if !fence.remove(&order_of(&message)?) {
                    alerts.push(message);
                }
            }
        }
        // A fence that was replayed may come twice.
        alerts.retain(|alert| order_of(alert).is_ok_and(|order| !order.starts_with("fence ")));
        Ok(alerts)
    }

    /// Fails unless exactly these orders alerted, however often; gives how often one came again.
    pub(crate) fn same_orders(
        &self,
        alerts: &[Message],
        expected: &BTreeSet<String>,
    ) -> Result<usize> {
        let (bodies, repeated) = distinct(alerts)?;
        let alerted: BTreeSet<_> = bodies.into_keys().collect();
        let missed = expected.difference(&alerted).cloned().collect();
        none_missed(&self.amqp, ALERTS, &missed)?;
        let invented: Vec<_> = alerted.difference(expected).collect();
        ensure!(invented.is_empty(), "invented: {invented:?}");
        Ok(repeated)
    }

    /// Fails unless these alerts are what the publisher expects, each once.
    pub(crate) fn same_alerts<'b>(&self, alerts: impl IntoIterator<Item = &'b [u8]>) -> Result<()> {
        let missed = missed_alerts(alerts, &self.expected()?)?;
        none_missed(&self.amqp, ALERTS, &missed)
    }

    /// All that the messages published before to shard 0 had rejected.
    pub(crate) fn rejected(&self) -> Result<Vec<Message>> {
        let fence = format!("fence {}", self.next_fence());
        self.publish_into(0, fence.clone())?;
        let mut rejected = Vec::new();
        loop {
            let message = self.amqp.take(REJECTED, 1)?.remove(0);
            if message.body == fence.as_bytes() {
                return Ok(rejected);
            }
            // An earlier fence comes again when its part of the log is read again.
            if !message.body.starts_with(b"fence ") {
                rejected.push(message);
            }
        }
    }

    fn new_order_of(&self, shard: u32) -> Result<String> {
        std::iter::repeat_with(|| format!("fence {}", self.next_fence()))
            .find(|id| trade::shard_of(id, self.shards) == shard)
            .context("no id is left")
    }

    fn next_fence(&self) -> u32 {
        self.fences.replace(self.fences.get() + 1)
    }

    pub(crate) fn stream(&self, shard: u32) -> String {
        shard_stream(self.shards, shard)
    }

    pub(crate) fn progress(&self, shard: u32) -> String {
        progress_queue(self.shards, shard)
    }

    /// How many consume a queue or stream, those included that wait in line.
    pub(crate) fn consumers(&self, queue: &str) -> Result<usize> {
        let listed: Vec<Value> = serde_json::from_str(&self.stage.vhost().list("consumers")?)?;
        let of_it = |consumer: &&Value| consumer["queue"]["name"] == queue;
        Ok(listed.iter().filter(of_it).count())
    }

    /// How many are active in the line for a shard's token, by the broker's word.
    pub(crate) fn owners(&self, shard: u32) -> Result<usize> {
        let listed: Vec<Value> = serde_json::from_str(&self.stage.vhost().list("consumers")?)?;
        let queue = self.progress(shard);
        let active = |consumer: &&Value| {
            consumer["queue"]["name"] == queue.as_str() && consumer["active"] == true
        };
        Ok(listed.iter().filter(active).count())
    }

    /// Waits until so many consume a queue or stream.
    pub(crate) fn has_consumers(&self, queue: &str, count: usize) -> Result<()> {
        let there = || self.consumers(queue).is_ok_and(|there| there == count);
        until(&format!("{queue} has {count} consumers"), || {
            there().then_some(())
        })
        .with_context(|| format!("it has {:?}", self.consumers(queue)))
    }

    /// A publisher of made-up trades, and where it says what must alert.
    pub(crate) fn publisher(&self, arguments: &[&str]) -> Result<Start> {
        let made_up = ["--seed", "5", "--over-purchased", "5%", "--duplicate", "2%"];
        let publisher = self.program("publisher")?.args(made_up).args(arguments);
        Ok(publisher
            .arg("--expect")
            .arg(self.stage.folder().join("expected.jsonl")))
    }

    /// What the publisher expects, when it has ended.
    pub(crate) fn expected(&self) -> Result<Vec<Expected>> {
        let file = self.stage.folder().join("expected.jsonl");
        let expected = oracle::read(fs::read(file)?.as_slice())?;
        ensure!(!expected.is_empty(), "a test without alerts shows nothing");
        Ok(expected)
    }
}

pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn order_of(alert: &Message) -> Result<String> {
    Ok(Alert::from_json(&alert.body)?.order_id)
}

/// One body for each order, and how many alerts came again. Fails if an alert differs when it
/// comes again.
pub(crate) fn distinct(alerts: &[Message]) -> Result<(BTreeMap<String, Vec<u8>>, usize)> {
    let mut bodies = BTreeMap::new();
    for alert in alerts {
        let before = bodies.insert(order_of(alert)?, alert.body.clone());
        ensure!(
            before.as_ref().is_none_or(|before| *before == alert.body),
            "two bodies: {:?} and {alert:?}",
            before.map(|body| String::from_utf8_lossy(&body).into_owned())
        );
    }
    let repeated = alerts.len() - bodies.len();
    Ok((bodies, repeated))
}

/// The number that a program's closing line gives for a counter.
pub(crate) fn closing(log: &str, counter: &str) -> Result<u64> {
    let word = format!("{counter}=");
    let line = log
        .lines()
        .rev()
        .find(|line| line.contains("INFO stopped;"));
    line.into_iter()
        .flat_map(str::split_whitespace)
        .find_map(|field| field.strip_prefix(&word)?.parse().ok())
        .with_context(|| format!("{counter} in the closing line of:\n{log}"))
}

/// Whether an auditor has this shard, by its own words.
pub(crate) fn has(auditor: &Program, shard: u32) -> bool {
    let log = auditor.log();
    let words = format!("shard={shard}");
    let times = |what: &str| {
        log.lines()
            .filter(|line| line.contains(what) && line.split_whitespace().any(|w| w == words))
            .count()
    };
    times("took over") > times("handed over")
}
