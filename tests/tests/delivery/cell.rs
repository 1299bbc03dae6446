//! One cell of the matrix: a channel-boy is killed at a point and started again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use private_postgres::PrivatePostgres;
use tests::{Amqp, PATIENCE, Stage, until, within};

use crate::channel::Channel;
use crate::point::{Ending, Point, Policy};
use crate::route::Route;
use crate::sinks::Sinks;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) route: Route,
    pub(crate) policy: Policy,
    pub(crate) point: Point,
    pub(crate) keeper: Keeper,
}

/// What keeps the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A file of the process alone.
    Sqlite,
    /// A server that others may share: a lease ends by its clock, and not with a process.
    Postgres,
}

/// A worker may be quicker than the acknowledgement of the message: then what was killed was past
/// its point, and another alert is tried.
const TRIES: u32 = 10;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The order whose alert was on its way when the channel-boy was killed.
    pub(crate) order: String,
    pub(crate) accepted: usize,
    pub(crate) word: String,
}

impl Seen {
    /// Whether it is what had to come.
    pub(crate) fn is(&self, ending: Ending) -> bool {
        (self.accepted, self.word.as_str()) == (ending.accepted, ending.word)
    }

    /// As in a table: the count, with the word if it is not `delivered`.
    pub(crate) fn entry(&self) -> String {
        match self.word.as_str() {
            "delivered" => self.accepted.to_string(),
            "in_doubt" => format!("{} ?", self.accepted),
            word => format!("{} {word}", self.accepted),
        }
    }
}

impl Cell {
    /// Its channel's name.
    pub(crate) fn name(self) -> String {
        let (row, policy) = (self.row(), self.policy.name());
        format!("{row}-{policy}-{}", self.point.name()).replace(", ", "-")
    }

    /// What its row of the table is called.
    pub(crate) fn row(self) -> String {
        match self.keeper {
            Keeper::Sqlite => self.route.name().to_owned(),
            Keeper::Postgres => format!("{}, PostgreSQL", self.route.name()),
        }
    }

    /// What the sink has accepted by now of the alert of an order.
    pub(crate) fn accepted(self, order: &str, stage: &Stage, sinks: &Sinks) -> Result<usize> {
        let folder = Channel::folder_of(stage, &self.name());
        self.route.accepted(order, sinks, &folder)
    }

    /// Plays it; gives what the ledger and the sink say of the alert in the end.
    pub(crate) fn play(
        self,
        stage: &Stage,
        sinks: &Sinks,
        postgres: &PrivatePostgres,
        amqp: &Amqp,
    ) -> Result<Seen> {
        let policy = self.policy.name();
        let keys = format!("on_in_doubt = '{policy}'\n");
        let mut channel = Channel::by(stage, &self.name(), self.route, sinks, &keys)?;
        if self.keeper == Keeper::Postgres {
            channel = channel.sharing(postgres.database(&self.name())?);
        }
        let scene = Scene {
            cell: self,
            sinks,
            channel: &channel,
        };
        scene.play(amqp).with_context(|| channel.report())
    }
}

struct Scene<'a> {
    cell: Cell,
    sinks: &'a Sinks,
    channel: &'a Channel<'a>,
}

impl Scene<'_> {
    fn play(&self, amqp: &Amqp) -> Result<Seen> {
        let first = self.until_killed_at_the_point(amqp)?;
        let second = format!("second-{}", self.cell.name());
        self.channel.end_leases()?;

        let mut channel_boy = self.channel.channel_boy("channel-boy")?.start()?;
        // The broker may have given it already; here it comes once more in any case.
        self.channel.raise(amqp, &first)?;
        self.channel.raise(amqp, &second)?;
        self.channel.until_word(&second, "delivered")?;
        let expected = self.cell.point.ending(self.cell.policy);
        self.channel.until_word(&first, expected.word)?;
        if self.cell.policy == Policy::Ask && expected.word == "in_doubt" {
            channel_boy.says("the provider shows nothing")?;
        }
        channel_boy.terminate()?.successful()?;

        // A sink that nobody waits for may be a moment behind.
        let what = format!("the sink has it {} times", expected.accepted);
        let _counted_anyway = within(Duration::from_secs(5), &what, || {
            let there = (self.accepted(&first).ok()?, self.accepted(&second).ok()?);
            (there >= (expected.accepted, 1)).then_some(())
        });
        let second = self.accepted(&second)?;
        ensure!(
            second == 1,
            "the alert after it was accepted {second} times"
        );
        Ok(Seen {
            accepted: self.accepted(&first)?,
            word: self.channel.word(&first)?.unwrap_or_default(),
            order: first,
        })
    }

    /// The first life of the channel-boy, or more of them, until one ends with the ledger in the
    /// state that belongs to the point. Gives the order.
    fn until_killed_at_the_point(&self, amqp: &Amqp) -> Result<String> {
        for number in 0..TRIES {
            let order = format!("first-{}-{number}", self.cell.name());
            self.channel.raise(amqp, &order)?;
            self.until_killed(&order)?;
            let word = self.channel.word(&order)?;
            if self.cell.point.leaves(word.as_deref()) {
                return Ok(order);
            }
            self.settle(&order)?;
        }
        bail!("it was never killed at the point itself")
    }

    /// Ends what a life left: the next one would deliver it first, and with that connection at
    /// hand be past its point once more.
    fn settle(&self, order: &str) -> Result<()> {
        self.channel.end_leases()?;
        let mut channel_boy = self.channel.channel_boy("channel-boy")?.start()?;
        channel_boy.says("consuming")?;
        let resends = self.cell.policy == Policy::Resend;
        until("what was left is settled", || {
            match self.channel.word(order).ok()??.as_str() {
                "delivered" => Some(()),
                "in_doubt" if !resends => Some(()),
                _ => None,
            }
        })?;
        channel_boy.terminate()?.successful()?;
        Ok(())
    }

    fn until_killed(&self, order: &str) -> Result<()> {
        let doomed = self.channel.channel_boy("channel-boy-crash-points")?;
        if self.cell.point == Point::Taken {
            self.sinks.counting.fault("accept-hang", 1, order)?;
            let mut doomed = doomed.start()?;
            until("the sink has accepted it", || {
                (self.accepted(order).ok()? == 1).then_some(())
            })?;
            return doomed.kill();
        }
        let point = self.cell.point.name();
        let doomed = doomed.env("ALDEBARAN_CRASH_AT", point).start()?;
        let ended = doomed.finish(PATIENCE)?.code;
        ensure!(ended.is_none(), "it ended by itself with {ended:?}");
        Ok(())
    }

    fn accepted(&self, order: &str) -> Result<usize> {
        let route = self.cell.route;
        route.accepted(order, self.sinks, self.channel.folder())
    }
}
