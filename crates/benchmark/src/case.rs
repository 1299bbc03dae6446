//! What is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::grouped;

/// One thing that is measured, as often as there are repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) subject: Subject,
    /// What it is measured at: see [`Subject`].
    pub(crate) at: u64,
}

/// What the number beside it says is in brackets.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// A plain publisher, and nobody who reads (trades of a message).
    RawPublish,
    /// A plain publisher and a plain consumer (trades of a message).
    RawRead,
    /// The real publisher and a plain consumer (trades/s asked; 0 is saturation).
    Limit,
    /// The real publisher and a real auditor (the same).
    Pipeline,
    /// The same with one trade a message, at saturation (1).
    Unpacked,
    /// Through the front door and the router, at saturation (trades of a message).
    FrontDoor,
    /// The pipeline at saturation (shards).
    Shards,
    /// `auditor --file` on one core (trades).
    File,
    /// A real auditor with so many open books (books).
    Books,
    /// The same with an auditor in Python with pika, one trade a message (1).
    Pika,
    /// From the file of `File`: bytewax (trades).
    Bytewax,
    /// The same: pathway (trades).
    Pathway,
}

impl Case {
    pub(crate) const fn new(subject: Subject, at: u64) -> Self {
        Self { subject, at }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = grouped(self.at as f64);
        let packed = match self.at {
            1 => "one trade a message".to_owned(),
            _ => format!("packed up to {at} to a message"),
        };
        match self.subject {
            Subject::RawPublish => write!(out, "raw publish, {packed}"),
            Subject::RawRead => write!(out, "raw publish and read, {packed}"),
            Subject::Limit if self.at == 0 => write!(out, "limit at saturation"),
            Subject::Limit => write!(out, "limit at {at} trades/s"),
            Subject::Pipeline if self.at == 0 => write!(out, "pipeline at saturation"),
            Subject::Pipeline => write!(out, "pipeline at {at} trades/s"),
            Subject::Unpacked => write!(out, "pipeline, one trade a message"),
            Subject::FrontDoor => write!(out, "front door, {packed}"),
            Subject::Shards if self.at == 1 => write!(out, "pipeline with 1 shard"),
            Subject::Shards => write!(out, "pipeline with {at} shards"),
            Subject::File => write!(out, "auditor --file, {at} trades"),
            Subject::Books => write!(out, "memory of {at} open books"),
            Subject::Pika => write!(out, "front door, one trade a message, pika"),
            Subject::Bytewax => write!(out, "bytewax from a file, {at} trades"),
            Subject::Pathway => write!(out, "pathway from a file, {at} trades"),
        }
    }
}
