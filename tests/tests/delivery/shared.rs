//! Several channel-boys on one channel: with a ledger that they share, and without.

use anyhow::{Context, Result, bail, ensure};
use private_broker::Release;
use private_postgres::PrivatePostgres;
use tests::{Amqp, Outcome, PATIENCE, Stage, on_a_stage, until};

use crate::channel::Channel;
use crate::ledger::Ledger;
use crate::route::Route;
use crate::sinks::Sinks;

const ALERTS: usize = 200;

#[test]
fn two_on_one_queue_with_one_ledger_deliver_each_alert_once() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let (sinks, postgres) = (Sinks::start(stage)?, PrivatePostgres::start()?);
        let channel = shared(stage, &sinks, &postgres, "two")?;
        let mut pair = [
            channel.channel_boy("channel-boy")?.start()?,
            channel.channel_boy("channel-boy")?.start()?,
        ];
        for channel_boy in &mut pair {
            channel_boy.says("consuming")?;
        }
        let amqp = stage.amqp()?;
        for _ in 0..2 {
            raise_all(&channel, &amqp)?;
        }
        until_all_are_accepted(&channel, &sinks)?;
        for channel_boy in pair {
            let said = channel_boy.terminate()?.successful()?.log;
            ensure!(said.contains(" delivered alert="), "one had no work");
        }
        each_once(&channel, &sinks)
    })
}

#[test]
fn one_of_two_that_is_killed_while_it_sends_costs_no_alert_and_doubles_none() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let (sinks, postgres) = (Sinks::start(stage)?, PrivatePostgres::start()?);
        let channel = shared(stage, &sinks, &postgres, "mid_send")?;
        let doomed = channel
            .channel_boy("channel-boy-crash-points")?
            .env("ALDEBARAN_CRASH_AT", "answered:20")
            .start()?;
        let survivor = channel.channel_boy("channel-boy")?.start()?;
        raise_all(&channel, &stage.amqp()?)?;
        let ended = doomed.finish(PATIENCE)?;
        ensure!(ended.code.is_none(), "it ended by itself");
        // What it had is taken up when its leases are over, by the one that is left.
        channel.end_leases()?;
        until("all are settled", || {
            (channel.settled().ok()? == ALERTS).then_some(())
        })
        .with_context(|| channel.report())?;
        survivor.terminate()?.successful()?;
        let mut in_doubt = 0;
        for order in orders() {
            let accepted = sinks.counting.accepted(&format!("{order}\\"))?;
            match channel.word(&order)?.as_deref() {
                Some("in_doubt") if accepted <= 1 => in_doubt += 1,
                Some("delivered") if accepted == 1 => {}
                word => bail!("{order}: {accepted} accepted, {word:?}"),
            }
        }
        // The one that was answered, and at most what was under way beside it.
        ensure!((1..=4).contains(&in_doubt), "{in_doubt} in doubt");
        Ok(())
    })
}

#[test]
fn a_postgres_that_is_killed_loses_nothing_and_doubles_nothing() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let (sinks, mut postgres) = (Sinks::start(stage)?, PrivatePostgres::start()?);
        let channel = shared(stage, &sinks, &postgres, "killed")?;
        let pair = [
            channel.channel_boy("channel-boy")?.start()?,
            channel.channel_boy("channel-boy")?.start()?,
        ];
        let amqp = stage.amqp()?;
        raise_all(&channel, &amqp)?;
        for part in 1..=2 {
            until("some are delivered", || {
                (sinks.counting.accepted("shared-").ok()? >= ALERTS * part / 3).then_some(())
            })
            .with_context(|| channel.report())?;
            postgres.kill()?;
            raise_all(&channel, &amqp)?;
            postgres.start_again()?;
        }
        until_all_are_accepted(&channel, &sinks)?;
        for channel_boy in pair {
            let ended = channel_boy.terminate()?;
            ended.successful()?;
        }
        each_once(&channel, &sinks)
    })
}

#[test]
fn without_a_shared_ledger_a_second_one_is_refused_and_the_first_goes_on() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let (sinks, postgres) = (Sinks::start(stage)?, PrivatePostgres::start()?);
        let channel = Channel::by(stage, "alone", Route::Webhook, &sinks, "")?;
        let mut first = channel.channel_boy("channel-boy")?.start()?;
        first.says("consuming")?;

        let refused = |ledger: &Ledger, code: i32, words: &str| -> Result<()> {
            let second = channel.channel_boy_with("channel-boy", ledger)?.run()?;
            let said = second.with_code(code)?.log;
            ensure!(said.contains(words), "{said}");
            Ok(())
        };
        // As on another host; on this one; and one that would share what the first does not.
        let other = Ledger::File(channel.folder().join("other-ledger"));
        let same = Ledger::File(channel.folder().join("ledger"));
        let server = Ledger::Server(postgres.database("alone")?);
        let remedy = "give all of them one ledger on a PostgreSQL server";
        refused(&other, 1, remedy)?;
        refused(&same, 2, &format!("process {} is using it", first.id()))?;
        refused(&server, 1, remedy)?;

        let amqp = stage.amqp()?;
        channel.raise(&amqp, "shared-0")?;
        channel.until_word("shared-0", "delivered")?;
        first.kill()?;
        let mut next = channel.channel_boy("channel-boy")?.start()?;
        next.says("consuming")?;
        channel.raise(&amqp, "shared-0")?;
        channel.raise(&amqp, "shared-1")?;
        channel.until_word("shared-1", "delivered")?;
        next.terminate()?.successful()?;
        let accepted = sinks.counting.accepted("shared-")?;
        ensure!(accepted == 2, "{accepted} accepted");
        Ok(())
    })
}

fn shared<'a>(
    stage: &'a Stage,
    sinks: &Sinks,
    postgres: &PrivatePostgres,
    name: &str,
) -> Result<Channel<'a>> {
    let channel = Channel::by(stage, name, Route::Webhook, sinks, "concurrency = 4\n")?;
    Ok(channel.sharing(postgres.database(name)?))
}

fn orders() -> impl Iterator<Item = String> {
    (0..ALERTS).map(|number| format!("shared-{number}"))
}

fn raise_all(channel: &Channel<'_>, amqp: &Amqp) -> Result<()> {
    orders().try_for_each(|order| channel.raise(amqp, &order))
}

fn until_all_are_accepted(channel: &Channel<'_>, sinks: &Sinks) -> Result<()> {
    until("all are accepted", || {
        (sinks.counting.accepted("shared-").ok()? >= ALERTS).then_some(())
    })
    .with_context(|| channel.report())
}

/// By the sink's count and by the ledger's word.
fn each_once(channel: &Channel<'_>, sinks: &Sinks) -> Result<()> {
    for order in orders() {
        let accepted = sinks.counting.accepted(&format!("{order}\\"))?;
        let word = channel.word(&order)?;
        let agrees = accepted == 1 && word.as_deref() == Some("delivered");
        ensure!(agrees, "{order}: {accepted} accepted, {word:?}");
    }
    Ok(())
}
