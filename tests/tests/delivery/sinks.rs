//! Where the alerts of all channels end up: the counting sink, and another bus.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use tests::{Amqp, CountingSink, Stage};

/// The queue of the other bus.
pub(crate) const BUS: &str = "bus";

/// The word that is every secret of every channel here.
pub(crate) const SECRET: &str = "secret-of-the-sinks";

/// All of them.
pub(crate) struct Sinks {
    pub(crate) counting: CountingSink,
    bus: Amqp,
    /// What was taken off the bus, as text.
    taken: Mutex<Vec<String>>,
}

impl Sinks {
    /// Starts them; the stage's broker is the other bus too.
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let queue = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        stage
            .vhost()
            .create_object(&format!("queues/{BUS}"), queue)?;
        Ok(Self {
            counting: CountingSink::start()?,
            bus: stage.amqp()?,
            taken: Mutex::new(Vec::new()),
        })
    }

    /// How many messages with `needle` in them the bus holds or held.
    pub(crate) fn on_the_bus(&self, needle: &str) -> Result<usize> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = self.bus.drain(BUS)?.into_iter();
        taken.extend(messages.map(|m| String::from_utf8_lossy(&m.body).into_owned()));
        Ok(taken.iter().filter(|text| text.contains(needle)).count())
    }
}
