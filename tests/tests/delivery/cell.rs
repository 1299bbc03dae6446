//! One cell of the matrix: a channel-boy is killed at a point and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::{Amqp, CountingSink, PATIENCE, Program, Stage, Start, binary, repository, until};
use topology::names::alert_queue;

use crate::alerts::alert_of;
use crate::ledger::LedgerFile;
use crate::point::{Ending, Point, Policy};
use crate::route::Route;

/// Which one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) route: Route,
    pub(crate) policy: Policy,
    pub(crate) point: Point,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) accepted: usize,
    pub(crate) word: String,
}

/// Where cells are played: they share a broker, where each has a queue, and a sink.
pub(crate) struct Ground<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) sink: &'a CountingSink,
}

impl Cell {
    /// A channel's name.
    pub(crate) fn name(self) -> String {
        let (route, policy) = (self.route.name(), self.policy.name());
        format!("{route}-{policy}-{}", self.point.name())
    }

    /// The order whose alert is on its way when the channel-boy is killed.
    pub(crate) fn order(self) -> String {
        format!("first {}", self.name())
    }

    /// Plays it; gives what the ledger and the sink say of the alert in the end.
    pub(crate) fn play(self, ground: &Ground<'_>, amqp: &Amqp) -> Result<Seen> {
        let scene = Scene::set(self, ground)?;
        let played = scene.play(amqp);
        played.with_context(|| format!("{}:\n{}", self.name(), scene.report()))
    }

    /// What the sink has accepted by now.
    pub(crate) fn accepted(self, ground: &Ground<'_>) -> Result<usize> {
        let folder = folder(self, ground);
        self.route.accepted(&self.order(), ground.sink, &folder)
    }
}

struct Scene<'a> {
    cell: Cell,
    ground: &'a Ground<'a>,
    folder: PathBuf,
    queue: String,
    ledger: LedgerFile,
}

impl<'a> Scene<'a> {
    fn set(cell: Cell, ground: &'a Ground<'a>) -> Result<Self> {
        let folder = folder(cell, ground);
        fs::create_dir(&folder)?;
        let (name, policy) = (cell.name(), cell.policy.name());
        let keys = cell.route.keys(ground.sink);
        let channels = format!(
            "[channel.{name}]\non_in_doubt = '{policy}'\nretry_first = '20ms'\n\
             retry_longest = '50ms'\n{keys}"
        );
        fs::write(folder.join("channels.toml"), channels)?;
        let queue = alert_queue(&name);
        let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        let vhost = ground.stage.vhost();
        vhost.create_object(&format!("queues/{queue}"), quorum)?;
        Ok(Self {
            cell,
            ground,
            ledger: LedgerFile::at(&folder.join("ledger")),
            folder,
            queue,
        })
    }

    fn play(&self, amqp: &Amqp) -> Result<Seen> {
        self.raise(amqp, &self.cell.order())?;
        self.until_killed()?;

        let channel_boy = self.channel_boy("channel-boy")?.start()?;
        // The broker may have given it already; here it comes once more in any case.
        self.raise(amqp, &self.cell.order())?;
        let second = format!("second {}", self.cell.name());
        self.raise(amqp, &second)?;
        self.until_word(&second, "delivered")?;
        let expected = self.cell.point.ending(self.cell.policy);
        self.until_word(&self.cell.order(), expected.word)?;
        channel_boy.terminate()?.successful()?;

        let seen = self.seen(expected)?;
        let second = self.accepted(&second)?;
        ensure!(
            second == 1,
            "the alert after it was accepted {second} times"
        );
        Ok(seen)
    }

    /// The first life of the channel-boy.
    fn until_killed(&self) -> Result<()> {
        let order = self.cell.order();
        let doomed = self.channel_boy("channel-boy-crash-points")?;
        if self.cell.point == Point::Taken {
            self.ground.sink.fault("accept-hang", 1, &order)?;
            let mut doomed = doomed.start()?;
            until("the sink has accepted it", || {
                (self.accepted(&order).ok()? == 1).then_some(())
            })?;
            return doomed.kill();
        }
        let point = self.cell.point.name();
        let doomed = doomed.env("ALDEBARAN_CRASH_AT", point).start()?;
        killed(doomed, PATIENCE)
    }

    fn seen(&self, expected: Ending) -> Result<Seen> {
        let order = self.cell.order();
        // A sink that nobody waits for may be a moment behind.
        let there = || (self.accepted(&order).ok()? >= expected.accepted).then_some(());
        let what = format!("the sink has it {} times", expected.accepted);
        let _counted_anyway = tests::within(Duration::from_secs(5), &what, there);
        Ok(Seen {
            accepted: self.accepted(&order)?,
            word: self.word(&order)?.unwrap_or_default(),
        })
    }

    fn accepted(&self, order: &str) -> Result<usize> {
        let route = self.cell.route;
        route.accepted(order, self.ground.sink, &self.folder)
    }

    fn word(&self, order: &str) -> Result<Option<String>> {
        self.ledger.word(&alert_of(order))
    }

    fn until_word(&self, order: &str, word: &str) -> Result<()> {
        let what = format!("the ledger says {word} of {order:?}");
        until(&what, || (self.word(order).ok()?? == word).then_some(()))
            .with_context(|| format!("it says {:?}", self.word(order)))
    }

    fn raise(&self, amqp: &Amqp, order: &str) -> Result<()> {
        amqp.publish("", &self.queue, alert_of(order).to_json())
    }

    fn channel_boy(&self, program: &str) -> Result<Start> {
        let vhost = self.ground.stage.vhost();
        Ok(Start::new(program, binary(program)?, &self.folder)
            .env("ALDEBARAN_AMQP_URL", vhost.guest_url())
            .env("ALDEBARAN_TOPOLOGY", repository("topology.toml"))
            .args(["-v", "--channel", &self.cell.name()])
            .arg("--config")
            .arg(self.folder.join("channels.toml"))
            .arg("--ledger")
            .arg(self.folder.join("ledger")))
    }

    /// What its channel-boys said.
    fn report(&self) -> String {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let logs = files.map(|entry| entry.path());
        let mut logs: Vec<_> = logs
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        logs.sort();
        let read = |log: &PathBuf| fs::read_to_string(log).unwrap_or_default();
        logs.iter().map(read).collect()
    }
}

fn folder(cell: Cell, ground: &Ground<'_>) -> PathBuf {
    let stage: &Path = ground.stage.folder();
    stage.join(cell.name())
}

/// Waits until the program was killed, which it was to be.
fn killed(program: Program, patience: Duration) -> Result<()> {
    let finished = program.finish(patience)?;
    ensure!(
        finished.code.is_none(),
        "it ended by itself with {:?}",
        finished.code
    );
    Ok(())
}
