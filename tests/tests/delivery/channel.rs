//! A channel of one's own: a queue, a ledger, a configuration, and channel-boys for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use private_postgres::Database;
use tests::{Amqp, NSCA_PASSWORD, Stage, Start, alert_of, binary, repository, until};
use topology::names::{alert_queue, ledger_queue};

use crate::ledger::Ledger;
use crate::route::{Place, Route};
use crate::sinks::{SECRET, Sinks};

/// One of many on a stage.
pub(crate) struct Channel<'a> {
    stage: &'a Stage,
    name: String,
    folder: PathBuf,
    ledger: Ledger,
}

impl<'a> Channel<'a> {
    /// A channel by this route, with further keys.
    pub(crate) fn by(
        stage: &'a Stage,
        name: &str,
        route: Route,
        sinks: &Sinks,
        keys: &str,
    ) -> Result<Self> {
        let place = Place {
            sinks,
            folder: &Self::folder_of(stage, name),
            mark: "",
        };
        Self::open(stage, name, &format!("{keys}{}", route.keys(place)))
    }

    /// Makes its queue, and its configuration of these keys. Retries come quickly, if `keys` does
    /// not say otherwise.
    pub(crate) fn open(stage: &'a Stage, name: &str, keys: &str) -> Result<Self> {
        let folder = Self::folder_of(stage, name);
        fs::create_dir(&folder)?;
        let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        let queue = format!("queues/{}", alert_queue(name));
        stage.vhost().create_object(&queue, quorum)?;
        let queue = format!("queues/{}", ledger_queue(name));
        stage.vhost().create_object(&queue, r#"{"durable":true}"#)?;
        let channel = Self {
            stage,
            name: name.to_owned(),
            ledger: Ledger::File(folder.join("ledger")),
            folder,
        };
        channel.configure(keys)?;
        Ok(channel)
    }

    /// Writes its configuration anew, for the next channel-boy.
    pub(crate) fn configure(&self, keys: &str) -> Result<()> {
        let name = &self.name;
        let channels =
            format!("[channel.{name}]\nretry_first = '20ms'\nretry_longest = '50ms'\n{keys}");
        Ok(fs::write(self.folder.join("channels.toml"), channels)?)
    }

    /// The same channel with a ledger that several processes may share.
    pub(crate) fn sharing(mut self, database: Database) -> Self {
        self.ledger = Ledger::Server(database);
        self
    }

    /// Where a channel of this name has its files.
    pub(crate) fn folder_of(stage: &Stage, name: &str) -> PathBuf {
        stage.folder().join(name)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A channel-boy for it: `program` is the shipped one, or the one with crash points.
    pub(crate) fn channel_boy(&self, program: &str) -> Result<Start> {
        self.channel_boy_with(program, &self.ledger)
    }

    /// The same with another ledger than the channel's own.
    pub(crate) fn channel_boy_with(&self, program: &str, ledger: &Ledger) -> Result<Start> {
        Ok(self
            .start(program, ledger)?
            .args(["-v", "--channel", &self.name]))
    }

    /// A command of the operator's, about this channel.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Start> {
        let start = self.start("channel-boy", &self.ledger)?;
        Ok(start.args(arguments).args(["--channel", &self.name]))
    }

    fn start(&self, program: &str, ledger: &Ledger) -> Result<Start> {
        Ok(Start::new(program, binary(program)?, &self.folder)
            .env("ALDEBARAN_AMQP_URL", self.stage.vhost().guest_url())
            .env("ALDEBARAN_TOPOLOGY", repository("topology.toml"))
            .env("BUS_URL", self.stage.vhost().guest_url())
            .env("SINK_SECRET", SECRET)
            .env("NSCA_SECRET", NSCA_PASSWORD)
            .env("ALDEBARAN_CHANNELS", self.folder.join("channels.toml"))
            .env("ALDEBARAN_LEDGER", ledger.place()))
    }

    /// Raises the alert of an order, as an auditor does.
    pub(crate) fn raise(&self, amqp: &Amqp, order: &str) -> Result<()> {
        amqp.publish("", &alert_queue(&self.name), alert_of(order).to_json())
    }

    /// Makes a shared ledger's leases old, as if their time had passed; the end of a process has
    /// ended those of a file.
    pub(crate) fn end_leases(&self) -> Result<()> {
        self.ledger.end_leases()
    }

    /// How many alerts its shared ledger has no more work with.
    pub(crate) fn settled(&self) -> Result<usize> {
        self.ledger.settled()
    }

    /// What its ledger says of the alert of an order, if it knows it.
    pub(crate) fn word(&self, order: &str) -> Result<Option<String>> {
        self.ledger.word(&alert_of(order))
    }

    /// Waits until its ledger says so. What cannot come any more is not waited for.
    pub(crate) fn until_word(&self, order: &str, wanted: &str) -> Result<()> {
        let what = format!("the ledger says {wanted} of {order:?}");
        let said = until(&what, || match self.word(order).ok()?? {
            word if word == wanted => Some(Ok(())),
            word if ["delivered", "failed"].contains(&word.as_str()) => Some(Err(word)),
            _ => None,
        })
        .with_context(|| format!("it says {:?}", self.word(order)))?;
        match said {
            Ok(()) => Ok(()),
            Err(word) => bail!("the ledger says {word} of {order:?}, and not {wanted}"),
        }
    }

    /// Everything that its channel-boys said.
    pub(crate) fn report(&self) -> String {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let logs = files.map(|entry| entry.path());
        let mut logs: Vec<_> = logs
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        logs.sort();
        let read = |log: &PathBuf| fs::read_to_string(log).unwrap_or_default();
        format!(
            "{}:\n{}",
            self.name,
            logs.iter().map(read).collect::<String>()
        )
    }
}
