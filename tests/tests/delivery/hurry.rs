//! A webhook whose connection stands already: its alerts go straight from pending to sending, and
//! a kill finds the same as in the matrix.

use anyhow::{Context, Result, bail, ensure};
use private_broker::Release;
use tests::{Amqp, Outcome, Program, Stage, on_a_stage, until};

use crate::at_once::play_all;
use crate::channel::Channel;
use crate::point::{Point, Policy};
use crate::route::Route;
use crate::sinks::Sinks;

/// A connection is kept for a moment only: on a slow day it may be gone before the second alert.
const TRIES: u32 = 10;

#[test]
fn killed_in_a_hurry_the_sink_s_count_and_the_ledger_s_word_are_as_promised() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let points = [
            Point::Sending,
            Point::Threshold,
            Point::Answered,
            Point::Recorded,
        ];
        let cells: Vec<_> = [Policy::Hold, Policy::Resend]
            .into_iter()
            .flat_map(|policy| points.map(|point| (policy, point)))
            .collect();
        play_all(stage, &cells, |(policy, point), amqp| {
            play(policy, point, stage, &sinks, amqp)
        })?;
        Ok(())
    })
}

fn play(policy: Policy, point: Point, stage: &Stage, sinks: &Sinks, amqp: &Amqp) -> Result<()> {
    let name = format!("hurry-{}-{}", policy.name(), point.name());
    let keys = format!("on_in_doubt = '{}'\n", policy.name());
    let channel = Channel::by(stage, &name, Route::Webhook, sinks, &keys)?;
    let play = || -> Result<()> {
        let order = until_killed_in_a_hurry(&name, point, &channel, amqp)?;
        let word = channel.word(&order)?;
        ensure!(point.leaves(word.as_deref()), "the ledger says {word:?}");
        let expected = point.ending(policy);
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        channel.raise(amqp, &order)?;
        channel.until_word(&order, expected.word)?;
        let after = format!("after-{name}");
        channel.raise(amqp, &after)?;
        channel.until_word(&after, "delivered")?;
        channel_boy.terminate()?.successful()?;
        let accepted = sinks.counting.accepted(&order)?;
        ensure!(
            accepted == expected.accepted,
            "{order}: {accepted} accepted"
        );
        Ok(())
    };
    play().with_context(|| channel.report())
}

/// The second alert of a life is on its way when it ends; the first one made the connection.
fn until_killed_in_a_hurry(
    name: &str,
    point: Point,
    channel: &Channel<'_>,
    amqp: &Amqp,
) -> Result<String> {
    for number in 0..TRIES {
        let first = format!("1st-{name}-{number}");
        let second = format!("2nd-{name}-{number}");
        let mut doomed = channel
            .channel_boy("channel-boy-crash-points")?
            // One that takes its time is stopped in this place, and never ends.
            .env("ALDEBARAN_STOP_AT", "claimed:2")
            .env("ALDEBARAN_CRASH_AT", format!("{}:2", point.name()))
            .start()?;
        doomed.says("consuming")?;
        channel.raise(amqp, &first)?;
        channel.until_word(&first, "delivered")?;
        channel.raise(amqp, &second)?;
        if has_hurried(&mut doomed)? {
            return Ok(second);
        }
        doomed.kill()?;
        // What it had claimed would be in the next one's way.
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        channel.until_word(&second, "delivered")?;
        channel_boy.terminate()?.successful()?;
    }
    bail!("it went by `claimed` each time")
}

/// Whether it ended, and was not stopped on its way.
fn has_hurried(doomed: &mut Program) -> Result<bool> {
    until("it is killed or stopped", || {
        if doomed.is_stopped() {
            return Some(false);
        }
        (!doomed.is_running().ok()?).then_some(true)
    })
}
