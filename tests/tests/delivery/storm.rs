//! Many alerts, and things that are killed at no particular point.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tests::{Amqp, Outcome, on_a_stage, on_a_stage_with_its_broker, until, within};

use crate::channel::Channel;
use crate::route::Route;
use crate::sinks::Sinks;

const ALERTS: usize = 800;

/// How often the channel-boy is killed.
const KILLS: usize = 8;

#[test]
fn a_channel_boy_that_is_killed_again_and_again_delivers_no_alert_twice() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let sink = &sinks.counting;
        let keys = "concurrency = 16\n";
        let channel = Channel::by(stage, "storm", Route::Webhook, &sinks, keys)?;
        let amqp = stage.amqp()?;
        let seed = u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos());
        let mut random = StdRng::seed_from_u64(seed);
        for round in 1..=KILLS {
            // Old ones come again, and there are always new ones: those in doubt are not delivered.
            raise(&channel, &amqp, ALERTS * round / KILLS)?;
            let before = sink.accepted("storm-")?;
            let mut channel_boy = channel.channel_boy("channel-boy")?.start()?;
            until("it delivers", || {
                (sink.accepted("storm-").ok()? > before).then_some(())
            })?;
            // No condition to wait for: it is to be killed at no particular point.
            std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
            channel_boy.kill()?;
        }
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        raise(&channel, &amqp, ALERTS)?;
        let settled = || {
            let words = orders().map(|order| channel.word(&order));
            let words = words.collect::<Result<Vec<_>>>().ok()?;
            let settled = ["delivered", "in_doubt"];
            let is_settled = |word: &Option<String>| {
                word.as_ref()
                    .is_some_and(|word| settled.contains(&word.as_str()))
            };
            words.iter().all(is_settled).then_some(())
        };
        until("all are settled", settled).with_context(|| channel.report())?;
        channel_boy.terminate()?.successful()?;
        let mut doubts = 0;
        for order in orders() {
            let accepted = sink.accepted(&format!("{order}\\"))?;
            let word = channel.word(&order)?.unwrap_or_default();
            doubts += usize::from(word == "in_doubt");
            let agrees = accepted == 1 || accepted == 0 && word == "in_doubt";
            ensure!(agrees, "{order}: {accepted} accepted, {word}, seed {seed}");
        }
        println!("{doubts} of {ALERTS} in doubt after {KILLS} kills");
        // A kill leaves no more in doubt than were being sent.
        ensure!(doubts <= KILLS * 16, "{doubts} in doubt, seed {seed}");
        Ok(())
    })
}

#[test]
fn a_broker_that_is_killed_costs_no_alert_and_doubles_none() -> Outcome {
    on_a_stage_with_its_broker(Release::Installed, |stage, broker| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let sink = &sinks.counting;
        let channel = Channel::by(stage, "storm", Route::Webhook, &sinks, "")?;
        let mut channel_boy = channel.channel_boy("channel-boy")?.start()?;
        channel_boy.says("consuming")?;
        let queue = topology::names::alert_queue("storm");
        until("the broker has the queue on disk", || {
            knows_on_disk(broker.folder(), &queue).ok()?.then_some(())
        })?;
        for part in 1..=2 {
            raise(&channel, &stage.amqp()?, ALERTS)?;
            until("some are delivered", || {
                (sink.accepted("storm-").ok()? >= ALERTS * part / 3).then_some(())
            })?;
            broker.kill()?;
            broker.start_again()?;
        }
        stage.amqp()?.has_consumers(&queue, 1)?;
        raise(&channel, &stage.amqp()?, ALERTS)?;
        let patience = Duration::from_secs(120);
        within(patience, "all are delivered", || {
            (sink.accepted("storm-").ok()? >= ALERTS).then_some(())
        })
        .with_context(|| channel.report())?;
        until("the queue is empty", || {
            (stage.amqp().ok()?.counts(&queue).ok()?.0 == 0).then_some(())
        })?;
        channel_boy.terminate()?.successful()?;
        for order in orders() {
            let accepted = sink.accepted(&format!("{order}\\"))?;
            let word = channel.word(&order)?;
            let agrees = accepted == 1 && word.as_deref() == Some("delivered");
            ensure!(agrees, "{order}: {accepted} accepted, {word:?}");
        }
        Ok(())
    })
}

fn orders() -> impl Iterator<Item = String> {
    (0..ALERTS).map(|number| format!("storm-{number}"))
}

/// Raises the first so many. A broker that is just back refuses at first.
fn raise(channel: &Channel<'_>, amqp: &Amqp, count: usize) -> Result<()> {
    let mut orders = orders().take(count);
    orders.try_for_each(|order| until("an alert is raised", || channel.raise(amqp, &order).ok()))
}

/// Whether the node has written down which log is this quorum queue's. It does so half a second
/// after it was declared; killed before that, it comes back with a queue that has no log, elects
/// no leader for it, and refuses what is published to it for ever.
fn knows_on_disk(folder: &Path, queue: &str) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_known = match path.is_dir() {
            true => knows_on_disk(&path, queue)?,
            false if path.ends_with("names.dets") => {
                let names = fs::read(&path)?;
                names
                    .windows(queue.len())
                    .any(|name| name == queue.as_bytes())
            }
            false => false,
        };
        if is_known {
            return Ok(true);
        }
    }
    Ok(false)
}
