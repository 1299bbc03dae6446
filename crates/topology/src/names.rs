//! The names of Aldebaran's objects on the broker: the one place where they are built.
//!
//! `topology.toml` spells the same names with variables; a test holds the two together.

/// The front door: exchange and queue for trades of any AMQP client.
pub const TRADE_DATA: &str = "Aldebaran.Trade_Data";
/// The topic exchange that alerts are published to.
pub const ALERT: &str = "Aldebaran.Alert";
/// Exchange and queue for trades that could not be read.
pub const REJECTED: &str = "Aldebaran.Rejected";
/// Exchange and queue for alerts that no channel asked for.
pub const UNROUTED: &str = "Aldebaran.Unrouted";
/// Exchange and queue for alerts that a channel gave up.
pub const UNDELIVERED: &str = "Aldebaran.Undelivered";
/// The roster: its consumer count is the number of live auditors.
pub const AUDITORS: &str = "Aldebaran.Auditors";

/// The super stream's exchange; the number of shards is part of its name.
pub fn shards_exchange(shards: u32) -> String {
    format!("Aldebaran.Shards.{shards}")
}

/// The stream of shard `i`, counted from 0.
pub fn shard_stream(shards: u32, i: u32) -> String {
    format!("Aldebaran.Shards.{shards}-{i}")
}

/// The queue that holds the progress token of shard `i`, counted from 0.
pub fn progress_queue(shards: u32, i: u32) -> String {
    format!("Aldebaran.Progress.{shards}.{i}")
}

/// The queue of alerts that a channel delivers.
pub fn alert_queue(channel: &str) -> String {
    format!("Aldebaran.Alert.{channel}")
}

/// The queue that tells who works on a channel, by consumers alone: it never holds a message.
pub fn ledger_queue(channel: &str) -> String {
    format!("Aldebaran.Ledger.{channel}")
}
