//! The broker that the demo plays on, and the topology on it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use private_broker::{PrivateBroker, Settings};
use tests::{Amqp, Start, binary, repository};
use topology::{Overrides, Source, Topology};

use crate::interrupt;
use crate::show::Show;

/// The file that says what is declared.
const TOPOLOGY: &str = "topology.toml";

/// A broker of the demo's own, or one that was there before and gets its vhost back as it was.
pub(crate) struct Broker {
    url: String,
    tls_ca: Option<PathBuf>,
    topology: Topology,
    /// Ends with this value.
    private: Option<PrivateBroker>,
}

impl Broker {
    pub(crate) fn private(show: &Show) -> Result<Self> {
        let broker = show.step("a RabbitMQ node of our own", || {
            Ok(PrivateBroker::start(&Settings::default())?)
        })?;
        Ok(Self {
            url: broker.url(),
            tls_ca: None,
            topology: described()?,
            private: Some(broker),
        })
    }

    /// Refuses a vhost that has objects of ours already: their old trades would be played too,
    /// and they must not be deleted at the end.
    pub(crate) fn existing(url: &str, tls_ca: Option<&Path>) -> Result<Self> {
        let topology = described()?;
        let amqp = Amqp::connect_trusting(url, tls_ca)
            .context("connect to the broker of ALDEBARAN_AMQP_URL")?;
        let exchanges = topology.exchanges.iter().map(|one| &one.value.name);
        let queues = topology.queues.iter().map(|one| &one.value.name);
        for name in exchanges.chain(queues) {
            ensure!(
                !amqp.has_exchange(name)? && !amqp.has_queue(name)?,
                "play in this vhost: it has {name} already; use an empty vhost"
            );
        }
        Ok(Self {
            url: url.to_owned(),
            tls_ca: tls_ca.map(Path::to_owned),
            topology,
            private: None,
        })
    }

    /// Declares the topology, by the real program.
    pub(crate) fn declare(&self, folder: &Path, show: &Show) -> Result<()> {
        interrupt::check()?;
        show.step("the topology, declared by `declare apply`", || {
            self.program("declare", folder)?
                .args(["apply", "--yes"])
                .run()?
                .successful()
        })?;
        Ok(())
    }

    /// A program of ours on this broker, whose output goes to `folder`.
    pub(crate) fn program(&self, name: &str, folder: &Path) -> Result<Start> {
        let start = Start::new(name, binary(name)?, folder)
            .env("ALDEBARAN_AMQP_URL", &self.url)
            .env("ALDEBARAN_TOPOLOGY", repository(TOPOLOGY));
        Ok(match &self.tls_ca {
            Some(file) => start.env("ALDEBARAN_TLS_CA", file),
            None => start,
        })
    }

    /// A connection of the demo's own.
    pub(crate) fn amqp(&self) -> Result<Amqp> {
        Amqp::connect_trusting(&self.url, self.tls_ca.as_deref())
    }

    fn delete_what_was_declared(&self) -> Result<()> {
        let amqp = self.amqp()?;
        for queue in &self.topology.queues {
            amqp.delete_queue(&queue.value.name)?;
        }
        for exchange in &self.topology.exchanges {
            amqp.delete_exchange(&exchange.value.name)?;
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.private.is_none()
            && let Err(error) = self.delete_what_was_declared()
        {
            eprintln!("failed to leave the vhost as it was: {error:#}");
        }
    }
}

fn described() -> Result<Topology> {
    let source = Source {
        name: TOPOLOGY.to_owned(),
        text: fs::read_to_string(repository(TOPOLOGY))?,
    };
    match topology::load(&source, &Overrides::default()) {
        Ok(topology) => Ok(topology),
        Err(problems) => bail!("read the topology:\n{problems}"),
    }
}
