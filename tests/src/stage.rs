//! A test's own world: a vhost, a folder, the programs started on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use private_broker::{Folder, PrivateBroker, Release, Settings, Vhost};

use crate::amqp::Amqp;
use crate::brokers::shared_broker;
use crate::program::{Finished, Start, binary};
use crate::repository;

/// How a test ends.
pub type Outcome = Result<()>;

/// What a test has to itself. All of it is gone when the test has ended.
#[derive(Debug)]
pub struct Stage {
    vhost: Vhost,
    folder: Folder,
}

/// Runs a test on a fresh stage of the run's shared broker of this release.
///
/// # Errors
///
/// Those of the test, with what its programs said last.
pub fn on_a_stage(release: Release, test: impl FnOnce(&Stage) -> Outcome) -> Outcome {
    Stage::on(shared_broker(release)?)?.perform(test)
}

/// Runs a test once on each release, one after the other.
///
/// # Errors
///
/// Those of the test, with the release and what its programs said last.
pub fn on_each_release(test: impl Fn(&Stage) -> Outcome) -> Outcome {
    for release in [Release::Installed, Release::Debian13] {
        on_a_stage(release, &test).with_context(|| format!("on {release:?}"))?;
    }
    Ok(())
}

/// Runs a test that kills or stops its broker, on a fresh one that nobody else uses.
///
/// # Errors
///
/// Those of the test, with what its programs said last.
pub fn on_a_stage_with_its_broker(
    release: Release,
    test: impl FnOnce(&Stage, &mut PrivateBroker) -> Outcome,
) -> Outcome {
    let mut broker = PrivateBroker::start(&Settings {
        release,
        management: true,
        ..Settings::default()
    })?;
    Stage::on(&broker)?.perform(|stage| test(stage, &mut broker))
}

/// Runs a test on a fresh broker whose application `rabbit` has these parameters, as in
/// `{consumer_timeout, 3000}`.
///
/// # Errors
///
/// Those of the test, with what its programs said last.
pub fn on_a_stage_where(rabbit: &'static str, test: impl FnOnce(&Stage) -> Outcome) -> Outcome {
    let broker = PrivateBroker::start(&Settings {
        management: true,
        rabbit,
        ..Settings::default()
    })?;
    Stage::on(&broker)?.perform(test)
}

impl Stage {
    /// A fresh stage on any broker with the management API.
    ///
    /// # Errors
    ///
    /// When no vhost or folder can be made.
    pub fn on(broker: &PrivateBroker) -> Result<Self> {
        let test = thread::current()
            .name()
            .unwrap_or("test")
            .replace("::", "-");
        Ok(Self {
            vhost: broker.vhost(&test)?,
            folder: Folder::temporary("aldebaran-test-")?,
        })
    }

    fn perform(self, test: impl FnOnce(&Self) -> Outcome) -> Outcome {
        test(&self).with_context(|| self.report())
    }

    /// The test's vhost.
    #[must_use]
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// The test's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the test's folder and says where it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.folder().join(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// One of our programs, ready to be started on the test's vhost with the repository's
    /// topology. It may read and write and declare nothing, except `declare`.
    ///
    /// # Errors
    ///
    /// When the program is not built.
    pub fn program(&self, name: &str) -> Result<Start> {
        let url = if name == "declare" {
            self.vhost.url()
        } else {
            self.vhost.guest_url()
        };
        Ok(Start::new(name, binary(name)?, self.folder())
            .env("ALDEBARAN_AMQP_URL", url)
            .env("ALDEBARAN_TOPOLOGY", repository("topology.toml")))
    }

    /// A program of the system, as `amqp-publish`.
    #[must_use]
    pub fn command(&self, program: &str) -> Start {
        let name = Path::new(program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        Start::new(&name, program, self.folder())
    }

    /// Declares the repository's topology with these further arguments, as `--set shards=2`.
    ///
    /// # Errors
    ///
    /// When `declare apply` fails; then with what it said.
    pub fn declare(&self, arguments: &[&str]) -> Result<Finished> {
        self.program("declare")?
            .args(["apply", "--yes"])
            .args(arguments)
            .run()?
            .successful()
    }

    /// A new connection of the witness to the vhost, with all rights.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached.
    pub fn amqp(&self) -> Result<Amqp> {
        Amqp::connect(&self.vhost.url())
    }

    /// Everything in the vhost that a declaration makes: exchanges, queues and bindings with all
    /// that was declared of them, and nothing that changes by itself.
    ///
    /// # Errors
    ///
    /// When the broker does not list them.
    pub fn objects(&self) -> Result<BTreeSet<String>> {
        const DECLARED: [&str; 9] = [
            "name",
            "type",
            "durable",
            "auto_delete",
            "internal",
            "arguments",
            "source",
            "destination",
            "routing_key",
        ];
        let mut objects = BTreeSet::new();
        for kind in ["exchanges", "queues", "bindings"] {
            let listed: Vec<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_str(&self.vhost.list(kind)?)?;
            objects.extend(listed.into_iter().map(|mut object| {
                object.retain(|name, _| DECLARED.contains(&name.as_str()));
                format!("{kind} {}", serde_json::Value::Object(object))
            }));
        }
        Ok(objects)
    }

    /// The end of everything that the test's programs printed.
    fn report(&self) -> String {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let mut files: Vec<_> = files.map(|entry| entry.path()).collect();
        files.retain(|file| {
            file.extension()
                .is_some_and(|ending| ending == "log" || ending == "out")
        });
        files.sort();
        files.iter().map(|file| end_of(file)).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.report());
        }
    }
}

fn end_of(file: &Path) -> String {
    const LINES: usize = 30;
    let text = String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
    let skipped = text.lines().count().saturating_sub(LINES);
    let lines: String = text
        .lines()
        .skip(skipped)
        .map(|line| format!("  {line}\n"))
        .collect();
    format!(
        "{}:\n{lines}",
        file.file_name().unwrap_or_default().to_string_lossy()
    )
}
