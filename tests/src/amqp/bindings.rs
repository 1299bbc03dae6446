//! Bindings that come and go under a running system.

use anyhow::{Context, Result};
use lapin::options::QueueBindOptions;
use serde_json::Value;

use super::{Amqp, runtime, table};

/// A queue or stream, bound to an exchange.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The exchange.
    pub exchange: &'a str,
    /// With this key.
    pub routing_key: &'a str,
    /// The queue or stream.
    pub queue: &'a str,
    /// What was declared with it: whole numbers and strings. They are part of its name.
    pub arguments: &'a [(&'a str, Value)],
}

impl Amqp {
    /// Makes a binding.
    ///
    /// # Errors
    ///
    /// When exchange or queue are not there.
    pub fn bind(&self, binding: &Binding<'_>) -> Result<()> {
        let arguments = table(binding.arguments)?;
        let bind = self.channel.queue_bind(
            binding.queue.into(),
            binding.exchange.into(),
            binding.routing_key.into(),
            QueueBindOptions::default(),
            arguments,
        );
        runtime()?
            .block_on(bind)
            .with_context(|| format!("make {binding:?}"))
    }

    /// Takes a binding away; a missing one is no error.
    ///
    /// # Errors
    ///
    /// When the broker refuses.
    pub fn unbind(&self, binding: &Binding<'_>) -> Result<()> {
        let arguments = table(binding.arguments)?;
        let unbind = self.channel.queue_unbind(
            binding.queue.into(),
            binding.exchange.into(),
            binding.routing_key.into(),
            arguments,
        );
        runtime()?
            .block_on(unbind)
            .with_context(|| format!("take {binding:?} away"))
    }
}
