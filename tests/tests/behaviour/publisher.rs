//! `publisher`: trades onto a broker.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{Outcome, on_a_stage, on_a_stage_with_its_broker, on_each_release, until};
use topology::names::{TRADE_DATA, shard_stream};

#[test]
fn without_options_it_does_what_the_challenges_script_does() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let publisher = stage.program("publisher")?.start()?;
        let printed = |count| move |text: String| (text.lines().count() >= count).then_some(text);
        until("an order is printed", || printed(5)(publisher.output()))?;
        let first = Instant::now();
        let output = until("two orders are printed", || printed(10)(publisher.output()))?;
        let between = first.elapsed();
        ensure!(
            between > Duration::from_millis(700),
            "not once a second: {between:?}"
        );
        publisher.interrupt()?.successful()?;

        let trades = json_lines(&output)?;
        for order in trades.chunks_exact(5).take(2) {
            let limit = order[0]["#shares"].as_u64().context("#shares")?;
            ensure!((50..=100).contains(&limit), "limit {limit}");
            ensure!(order[0].get("initial_order_id").is_none());
            ensure!(
                order[1..]
                    .iter()
                    .all(|trade| trade["initial_order_id"] == order[0]["id"])
            );
            for trade in order {
                let id = trade["id"].as_str().context("id")?;
                ensure!(
                    id.len() == 36 && id.as_bytes()[14] == b'4',
                    "no UUID v4: {id}"
                );
                ensure!(
                    trade["client"] == "Goldman" && trade["stock"] == "AAPL",
                    "{trade}"
                );
            }
        }
        let published = stage.amqp()?.take(TRADE_DATA, 10)?;
        for (message, line) in published.iter().zip(output.lines()) {
            ensure!(
                message.body == line.as_bytes(),
                "what is printed is what is published"
            );
            ensure!(message.routing_key.is_empty());
        }
        Ok(())
    })
}

#[test]
fn the_same_seed_makes_the_same_trades_and_another_seed_others() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let made = |name: &str, seed: &str| -> Result<Vec<u8>> {
            let file = stage.folder().join(name);
            let options = [
                "--trades",
                "5000",
                "--shuffle",
                "50",
                "--duplicate",
                "2%",
                "--seed",
                seed,
            ];
            let publisher = stage.program("publisher")?.args(options);
            publisher.arg("--output").arg(&file).run()?.successful()?;
            Ok(fs::read(file)?)
        };
        let seven = made("seven", "7")?;
        ensure!(seven == made("seven-again", "7")?, "the same seed");
        ensure!(seven != made("eight", "8")?, "another seed");
        Ok(())
    })
}

#[test]
fn what_it_expects_is_what_the_oracle_says_of_its_trades() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let (trades, expected) = (
            stage.folder().join("trades"),
            stage.folder().join("expected"),
        );
        let publisher = stage
            .program("publisher")?
            .args(["--orders", "2000", "--seed", "1"]);
        let publisher = publisher.args(["--over-purchased", "5%", "--shuffle", "20"]);
        let publisher = publisher
            .args(["--duplicate", "10%"])
            .arg("--output")
            .arg(&trades);
        publisher
            .arg("--expect")
            .arg(&expected)
            .run()?
            .successful()?;

        let trades = json_lines(&fs::read_to_string(trades)?)?;
        let expected: BTreeSet<_> = oracle::read(fs::read(expected)?.as_slice())?
            .into_iter()
            .collect();
        ensure!(
            expected.len() == 100,
            "5% of 2000 orders, not {}",
            expected.len()
        );
        ensure!(
            oracle::over_purchased(&trades)
                .into_iter()
                .collect::<BTreeSet<_>>()
                == expected
        );
        Ok(())
    })
}

#[test]
fn each_trade_goes_to_its_own_shard_with_the_time_in_a_header() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let options = ["--to", "shards", "--orders", "100", "--seed", "3"];
        stage
            .program("publisher")?
            .args(options)
            .run()?
            .successful()?;
        let amqp = stage.amqp()?;
        let mut trades = 0;
        for shard in 0..4 {
            for message in amqp.read_whole_stream(&shard_stream(4, shard))? {
                ensure!(message.header(trade::TIME_HEADER).parse::<i64>()? > 0);
                for line in String::from_utf8(message.body)?.lines() {
                    let trade = trade::read(line.as_bytes())?;
                    ensure!(trade::shard_of(trade.order_id(), 4) == shard, "{line}");
                    trades += 1;
                }
            }
        }
        ensure!(trades == 500, "{trades} trades");
        Ok(())
    })
}

#[test]
fn another_number_of_shards_than_declared_is_told_and_nothing_is_published() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&["--set", "shards=2"])?;
        let options = ["--to", "shards", "--orders", "10"];
        let failed = stage
            .program("publisher")?
            .args(options)
            .run()?
            .with_code(1)?;
        ensure!(failed.log.contains("Aldebaran.Shards.4"), "{}", failed.log);
        Ok(())
    })
}

#[test]
fn trades_unconfirmed_when_the_broker_is_killed_are_sent_again() -> Outcome {
    on_a_stage_with_its_broker(Release::Installed, |stage, broker| {
        stage.declare(&[])?;
        let made = ["--trades", "40k", "--seed", "5"];
        let file = stage.folder().join("trades");
        stage
            .program("publisher")?
            .args(made)
            .arg("--output")
            .arg(&file)
            .run()?
            .successful()?;

        let publisher = stage
            .program("publisher")?
            .args(made)
            .args(["--to", "shards"]);
        let mut publisher = publisher.args(["--rate", "10k"]).start()?;
        // At most one message a millisecond and shard: this takes more than a second, and what
        // was declared in the second before its death a broker may not know afterwards.
        stage.amqp()?.read_stream(&shard_stream(4, 0), 1200)?;
        broker.kill()?;
        ensure!(publisher.is_running()?, "it should wait for the broker");
        broker.start_again()?;
        publisher.finish(Duration::from_secs(60))?.successful()?;

        let expected: BTreeSet<String> = ids(&fs::read_to_string(file)?)?;
        let amqp = stage.amqp()?;
        let mut published = BTreeSet::new();
        for shard in 0..4 {
            for message in amqp.read_whole_stream(&shard_stream(4, shard))? {
                published.extend(ids(&String::from_utf8(message.body)?)?);
            }
        }
        let lost = expected.difference(&published).count();
        ensure!(
            lost == 0 && published.len() == expected.len(),
            "{lost} of 40000 lost"
        );
        Ok(())
    })
}

fn ids(lines: &str) -> Result<BTreeSet<String>> {
    json_lines(lines)?
        .iter()
        .map(|trade| trade["id"].as_str().map(String::from).context("id"))
        .collect()
}

fn json_lines(text: &str) -> Result<Vec<Value>> {
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}
