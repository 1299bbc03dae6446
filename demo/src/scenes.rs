//! What is played: the challenge's example, then many made-up trades.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use oracle::Expected;
use tests::{purchase, request, until};
use topology::names::TRADE_DATA;

use crate::Options;
use crate::broker::Broker;
use crate::crew::Crew;
use crate::interrupt;
use crate::show::{Show, grouped};

/// How long alerts are waited for that do not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing must come any more before the counting begins.
const QUIET: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Plays the challenge's example through the front door; gives what the oracle expects of it.
pub(crate) fn example(broker: &Broker, crew: &Crew, show: &Show) -> Result<Vec<Expected>> {
    show.title("The challenge's example, through the front door");
    let amqp = broker.amqp()?;
    let trades = [
        request("1", 100),
        purchase("2", "1", 90),
        purchase("3", "1", 30),
        purchase("4", "1", 50),
    ];
    for trade in &trades[..3] {
        show.line(trade);
        amqp.publish(TRADE_DATA, "", trade)?;
    }
    let published = Instant::now();
    let arrived = until("the mail and the webhook post arrive", || {
        let counted = (crew.mail.count(), crew.webhook.count());
        let arrived = matches!(counted, (Ok(1..), Ok(1..)));
        (arrived || interrupt::requested()).then(Instant::now)
    })?;
    let after = arrived.duration_since(published).as_millis();
    show.good(&format!(
        "over-purchased: a mail and a webhook post, {after} ms later"
    ));
    show.line(&trades[3]);
    amqp.publish(TRADE_DATA, "", &trades[3])?;
    show.good("a further purchase: no further alert, as the table at the end will show");

    let trades: Vec<_> = trades
        .iter()
        .map(|trade| serde_json::from_str(trade))
        .collect::<Result<_, _>>()?;
    Ok(oracle::over_purchased(&trades))
}

/// Plays made-up trades through the shards; gives what the oracle expects of them, and the time
/// from the first trade to the last mail and post.
pub(crate) fn many(
    broker: &Broker,
    options: &Options,
    crew: &mut Crew,
    show: &Show,
) -> Result<(Vec<Expected>, Duration)> {
    interrupt::check()?;
    let (trades, rate) = (grouped(options.trades), grouped(options.rate));
    show.title(&format!(
        "{trades} made-up trades, {rate} a second, to the shards"
    ));
    let before = (crew.mail.count()?, crew.webhook.count()?);
    let expected = crew.folder.join("expected.jsonl");
    let publisher = broker.program("publisher", &crew.folder)?;
    let publisher = publisher
        .args(["--to", "shards", "--expect"])
        .arg(&expected);
    let publisher = publisher.arg("--trades").arg(options.trades.to_string());
    let publisher = publisher.arg("--rate").arg(options.rate.to_string());
    let mut publisher = publisher
        .arg("--over-purchased")
        .arg(&options.over_purchased)
        .start()?;

    let began = Instant::now();
    let due = Duration::from_secs_f64(options.trades as f64 / options.rate.max(1) as f64);
    let mut kill_at = (!options.no_kill).then_some(due / 2);
    let mut progress = show.progress();
    while publisher.is_running()? {
        interrupt::check()?;
        let played = began.elapsed();
        if kill_at.is_some_and(|at| played >= at) {
            kill_at = None;
            let killed = crew.kill_an_auditor()?;
            progress.line(&format!(
                "kill -9 {killed}: one of the two auditors is gone"
            ));
            crew.add_auditor(broker.program("auditor", &crew.folder)?)?;
            progress.line("another one is started");
        }
        let part = played.as_secs_f64() / due.as_secs_f64().max(0.001);
        progress.at(
            part,
            crew.mail.count()? - before.0,
            crew.webhook.count()? - before.1,
        );
        thread::sleep(LOOK_EVERY);
    }
    publisher.finish(PATIENCE)?.successful()?;
    let expected = oracle::read(
        fs::read(expected)
            .context("read what is expected")?
            .as_slice(),
    )?;

    let due = (before.0 + expected.len(), before.1 + expected.len());
    let took = wait_for(crew, due, |mails, posts| {
        progress.at(1.0, mails - before.0, posts - before.1);
    })?;
    drop(progress);
    match took {
        Some(last) => {
            let took = last.duration_since(began);
            show.good(&format!(
                "all alerts have arrived, {:.1} s after the first trade",
                took.as_secs_f64()
            ));
            Ok((expected, took))
        }
        None => Ok((expected, began.elapsed())),
    }
}

/// Waits until the sinks have counted so many mails and posts and then nothing more for a while.
/// Gives the moment when they had, or nothing if some did not come.
fn wait_for(
    crew: &Crew,
    due: (usize, usize),
    mut tell: impl FnMut(usize, usize),
) -> Result<Option<Instant>> {
    let began = Instant::now();
    let mut complete = None;
    let mut last = (0, 0);
    let mut changed = began;
    loop {
        interrupt::check()?;
        let counted = (crew.mail.count()?, crew.webhook.count()?);
        tell(counted.0, counted.1);
        if counted != last {
            (last, changed) = (counted, Instant::now());
        }
        if complete.is_none() && counted.0 >= due.0 && counted.1 >= due.1 {
            complete = Some(Instant::now());
        }
        let is_quiet = changed.elapsed() >= QUIET;
        if (complete.is_some() && is_quiet) || began.elapsed() >= PATIENCE {
            return Ok(complete);
        }
        thread::sleep(LOOK_EVERY);
    }
}
