//! A vhost, a topology file in it, and `declare` between the two.

use std::path::PathBuf;

use anyhow::{Context, Result};
use private_broker::{Management, PrivateBroker, Release};
use serde_json::Value;
use tests::{Finished, Outcome, Stage, Start, binary, on_a_stage, shared_broker};

/// A stage on which `declare` works with the management API.
pub(crate) struct World<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) broker: &'static PrivateBroker,
}

/// Runs a test on a fresh vhost of each release, one after the other.
pub(crate) fn on_each(test: impl Fn(&World<'_>) -> Outcome) -> Outcome {
    for release in [Release::Installed, Release::Debian13] {
        on(release, &test).with_context(|| format!("on {release:?}"))?;
    }
    Ok(())
}

/// Runs a test on a fresh vhost of one release.
pub(crate) fn on(release: Release, test: impl Fn(&World<'_>) -> Outcome) -> Outcome {
    on_a_stage(release, |stage| {
        let broker = shared_broker(release)?;
        test(&World { stage, broker })
    })
}

impl World<'_> {
    /// The broker's administrator.
    pub(crate) fn admin(&self) -> Result<Management> {
        Ok(self.broker.management()?)
    }

    /// The vhost's name.
    pub(crate) fn vhost(&self) -> &str {
        self.stage.vhost().name()
    }

    /// Writes the topology.
    pub(crate) fn topology(&self, text: &str) -> Result<()> {
        self.stage.file("t.toml", text).map(|_| ())
    }

    /// `declare` with the topology and the administrator's rights.
    pub(crate) fn start(&self) -> Result<Start> {
        self.start_of(binary("declare")?)
    }

    /// The same of another build of it.
    pub(crate) fn start_of(&self, program: PathBuf) -> Result<Start> {
        let vhost = format!("/{}", self.vhost());
        let amqp = self.broker.url().replace("/%2f", &vhost);
        let start = Start::new("declare", program, self.stage.folder());
        Ok(start
            .env("ALDEBARAN_AMQP_URL", amqp)
            .env("ALDEBARAN_MANAGEMENT_URL", self.admin()?.url())
            .env("ALDEBARAN_TOPOLOGY", self.stage.folder().join("t.toml")))
    }

    /// Runs `declare` with these arguments and wants this exit code.
    pub(crate) fn declare(&self, arguments: &[&str], code: i32) -> Result<Finished> {
        self.start()?.args(arguments).run()?.with_code(code)
    }

    /// What `declare plan` says, as JSON, and with this exit code.
    pub(crate) fn plan(&self, code: i32) -> Result<Value> {
        let planned = self.declare(&["plan", "--output", "json"], code)?;
        Ok(serde_json::from_str(&planned.output)?)
    }

    /// Each entry of the plan that is not somebody else's: `create queue q`.
    pub(crate) fn pending(&self, code: i32) -> Result<Vec<String>> {
        let plan = self.plan(code)?;
        let entries = plan["entries"].as_array().context("entries")?;
        let ours = entries.iter().filter(|one| one["action"] != "unmanaged");
        Ok(ours.map(in_words).collect())
    }

    /// Another client creates or changes `path` below the vhost, as `queues` and `NAME`.
    pub(crate) fn put(&self, kind: &str, name: &str, body: &str) -> Outcome {
        let path = format!("/{kind}/{}/{name}", self.vhost());
        self.admin()?.put(&path, body)?;
        Ok(())
    }

    /// Another client deletes.
    pub(crate) fn delete(&self, kind: &str, name: &str) -> Outcome {
        let path = format!("/{kind}/{}/{name}", self.vhost());
        self.admin()?.delete(&path)?;
        Ok(())
    }

    /// Another client binds a queue.
    pub(crate) fn bind(&self, exchange: &str, queue: &str, body: &str) -> Outcome {
        let path = format!("/bindings/{}/e/{exchange}/q/{queue}", self.vhost());
        self.admin()?.post(&path, body)?;
        Ok(())
    }

    /// The objects of a kind that the vhost has.
    pub(crate) fn list(&self, kind: &str) -> Result<Vec<Value>> {
        Ok(serde_json::from_str(&self.stage.vhost().list(kind)?)?)
    }
}

/// `create queue q`.
fn in_words(entry: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let object = [&entry["wanted"], &entry["live"]];
    let object = object.into_iter().find(|one| one.is_object());
    let kind = object.map_or("?".to_owned(), |one| text(&one["kind"]));
    format!("{} {kind} {}", text(&entry["action"]), text(&entry["name"]))
}
