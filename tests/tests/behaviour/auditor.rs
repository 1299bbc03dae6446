//! `auditor`: trades in, one alert for each over-purchased order out.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

use anyhow::{Result, ensure};
use oracle::Expected;
use private_broker::Release;
use serde_json::{Value, json};
use tests::{
    Outcome, Stage, fenced_alerts, missed_alerts, none_missed, on_a_stage, on_each_release,
    purchase, request, same_alerts, until,
};
use topology::names::{REJECTED, TRADE_DATA, shard_stream, shards_exchange};

const ALERTS: &str = "Aldebaran.Alert.stdout";
const SHARDS: u32 = 4;

#[test]
fn the_challenges_example_raises_one_alert_and_none_for_a_further_purchase() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let amqp = stage.amqp()?;
        for trade in [
            request("1", 100),
            purchase("2", "1", 90),
            purchase("3", "1", 30),
        ] {
            amqp.publish(TRADE_DATA, "", trade)?;
        }
        let alert = amqp.take(ALERTS, 1)?.remove(0);
        ensure!(alert.exchange == "Aldebaran.Alert");
        ensure!(
            alert.routing_key == "over_purchase.Sendence.AAPL",
            "{}",
            alert.routing_key
        );
        let said = alert.json()?;
        ensure!(
            said["order_id"] == "1" && said["tipped_by"] == "3",
            "{said}"
        );
        ensure!(
            (&said["requested"], &said["excess"]) == (&json!(100), &json!(20)),
            "{said}"
        );
        ensure!(
            alert.message_id.as_deref() == said["alert_id"].as_str(),
            "{alert:?}"
        );

        amqp.publish(TRADE_DATA, "", purchase("4", "1", 50))?;
        let further = fenced_alerts(&amqp, TRADE_DATA, SHARDS, ALERTS)?;
        ensure!(further.is_empty(), "{further:?}");
        Ok(())
    })
}

#[test]
fn two_auditors_on_the_shards_raise_the_oracles_alerts_each_once() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditors = [
            stage.program("auditor")?.start()?,
            stage.program("auditor")?.start()?,
        ];
        let expected = publish(
            stage,
            &["--to", "shards", "--trades", "50k", "--shuffle", "500"],
        )?;
        let exchange = shards_exchange(SHARDS);
        raised(stage, &exchange, SHARDS, &expected)
    })
}

#[test]
fn through_the_front_door_come_the_same_alerts() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let expected = publish(
            stage,
            &["--to", "front-door", "--trades", "5k", "--shuffle", "100"],
        )?;
        raised(stage, TRADE_DATA, SHARDS, &expected)
    })
}

#[test]
fn any_number_of_shards_raises_the_same_alerts() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let shards = ["--set", "shards=3"];
        stage.declare(&shards)?;
        let _auditor = stage.program("auditor")?.args(shards).start()?;
        let made = ["--to", "shards", "--trades", "5k", "--set", "shards=3"];
        let expected = publish(stage, &made)?;
        raised(stage, &shards_exchange(3), 3, &expected)
    })
}

#[test]
fn a_file_raises_the_oracles_alerts_without_a_broker() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let file = stage.folder().join("trades.jsonl");
        let path = file.to_string_lossy();
        let options = [
            "--trades",
            "100k",
            "--shuffle",
            "1000",
            "--output",
            path.as_ref(),
        ];
        let expected = publish(stage, &options)?;
        let auditor = stage
            .program("auditor")?
            .env("ALDEBARAN_AMQP_URL", "amqp://nowhere.invalid");
        let audited = auditor.arg("--file").arg(&file).run()?.successful()?;
        same_alerts(audited.output.lines().map(str::as_bytes), &expected)?;
        ensure!(
            audited.log.contains("alerts"),
            "a summary on standard error: {}",
            audited.log
        );

        // Some systems begin a file with a byte order mark.
        let marked = "\u{feff}".to_owned() + &fs::read_to_string(&file)?;
        let marked = stage.file("marked.jsonl", marked)?;
        let auditor = stage.program("auditor")?.arg("--file").arg(marked);
        let read = auditor.run()?.successful()?;
        ensure!(read.output == audited.output, "{}", read.log);

        let from_input = stage.program("auditor")?.args(["--file", "-"]).input(&file);
        ensure!(
            from_input.run()?.successful()?.output == audited.output,
            "the same bytes"
        );
        Ok(())
    })
}

#[test]
fn an_alert_of_a_live_file_does_not_wait_for_the_line_behind_it() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let pipe = stage.folder().join("live.jsonl");
        let made = Command::new("mkfifo").arg(&pipe).status()?;
        ensure!(made.success(), "a named pipe");
        let auditor = stage.program("auditor")?.arg("--file").arg(&pipe);
        let auditor = auditor.start()?;
        let mut live = OpenOptions::new().write(true).open(&pipe)?;
        let (request, purchase) = (request("1", 100), purchase("2", "1", 120));
        // As a writer with a buffer leaves it: in the middle of a line.
        write!(live, "{request}\n{purchase}\n{{\"id\":")?;
        until("the alert", || {
            (auditor.output().lines().count() == 1).then_some(())
        })?;
        // What a stop cuts off is no line that is wrong.
        let stopped = auditor.interrupt()?.successful()?;
        ensure!(stopped.log.contains("0 lines rejected"), "{}", stopped.log);
        Ok(())
    })
}

#[test]
fn recorded_times_end_books_as_the_oracle_says() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let timed = |line: String, time: Value| -> Result<Value> {
            let mut trade: Value = serde_json::from_str(&line)?;
            trade["time"] = time;
            Ok(trade)
        };
        let us = 1_435_300_200_000_000_i64;
        let trades = [
            timed(request("at the edge", 10), json!("2015-06-26T06:30:00Z"))?,
            timed(request("too late", 10), json!(us))?,
            timed(
                purchase("a", "at the edge", 11),
                json!("2015-06-26T06:31:00Z"),
            )?,
            timed(purchase("b", "too late", 11), json!(us + 60_000_001))?,
        ];
        let lines: String = trades.iter().map(|trade| format!("{trade}\n")).collect();
        let file = stage.file("trades.jsonl", lines)?;
        let expected = oracle::over_purchased_within(60_000_000, &trades);
        let orders: Vec<_> = expected
            .iter()
            .map(|alert| alert.order_id.as_str())
            .collect();
        ensure!(orders == ["at the edge"], "the oracle: {orders:?}");
        let auditor = stage
            .program("auditor")?
            .args(["--ttl", "60s"])
            .arg("--file")
            .arg(file);
        let audited = auditor.run()?.successful()?.output;
        same_alerts(audited.lines().map(str::as_bytes), &expected)
    })
}

#[test]
fn legal_json_is_read_however_it_is_written_and_ids_are_any_string() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let amqp = stage.amqp()?;
        let long = "é".repeat(128);
        let batches = [
            // Escapes, white space, another order of fields, unknown fields.
            "{ \"stock\" : \"AAPL\",\t\"client\":\"S\",\"#shares\": 1, \"id\":\"caf\\u00e9\", \"x\":[{}] }"
                .to_owned(),
            // The same id written plainly; CRLF, blank lines, no newline at the end.
            format!("\r\n\r\n{}\r\n  \n{}", purchase("1", "café", 1), purchase("2", "café", 1)),
            // Several trades of several orders in one message.
            [request(" ", 1), purchase("1", " ", 2), request("a\nb", 1), purchase("1", "a\nb", 2)]
                .join("\n"),
            format!("{}\n{}\n", request(&long, 1), purchase("1", &long, 2)),
            // One trade over several lines.
            serde_json::to_string_pretty(&json!({"id": "\u{1F980}", "#shares": u64::MAX,
                "client": "S", "stock": "AAPL"}))?,
            // Sums beyond 64 bits.
            [purchase("1", "\u{1F980}", u64::MAX), purchase("2", "\u{1F980}", u64::MAX)].join("\n"),
        ];
        for batch in batches {
            amqp.publish(TRADE_DATA, "", batch)?;
        }
        let alerts = fenced_alerts(&amqp, TRADE_DATA, SHARDS, ALERTS)?;
        let mut orders = Vec::new();
        for alert in &alerts {
            orders.push(trade::Alert::from_json(&alert.body)?.order_id);
        }
        orders.sort();
        ensure!(
            orders == [" ", "a\nb", "café", &long, "\u{1F980}"],
            "{orders:?}"
        );
        ensure!(amqp.drain(REJECTED)?.is_empty(), "nothing is rejected");
        Ok(())
    })
}

#[test]
fn what_cannot_be_read_is_rejected_whole_and_the_rest_of_its_batch_is_processed() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let amqp = stage.amqp()?;
        let unreadable: [(&[u8], &str); 8] = [
            (b"not json", "not-json"),
            (
                br##"{"id":"x","client":"S","stock":"AAPL"}"##,
                "missing-field",
            ),
            (
                br##"{"id":"x","client":"S","stock":"AAPL","#shares":-1}"##,
                "bad-shares",
            ),
            (
                br##"{"id":"x","client":"S","stock":"AAPL","#shares":1.5}"##,
                "bad-shares",
            ),
            (
                br##"{"id":"x","client":"S","stock":"AAPL","#shares":18446744073709551616}"##,
                "bad-shares",
            ),
            (
                b"{\"id\":\"\xff\",\"client\":\"S\",\"stock\":\"AAPL\",\"#shares\":1}",
                "not-utf8",
            ),
            (
                br##"{"id":7,"client":"S","stock":"AAPL","#shares":1}"##,
                "not-a-string",
            ),
            (br#"["a","b"]"#, "not-an-object"),
        ];
        // All in one batch, between a request and the purchase that tips it.
        let order = (0..)
            .map(|n| n.to_string())
            .find(|id| trade::shard_of(id, SHARDS) == 2);
        let order = order.unwrap_or_default();
        let mut batch = vec![request(&order, 1).into_bytes()];
        batch.extend(unreadable.iter().map(|(line, _)| line.to_vec()));
        batch.push(request(&order, 2).into_bytes()); // the same order with another limit
        batch.push(purchase("p", &order, 2).into_bytes());
        let batch = batch.join(&b'\n');

        amqp.publish(&shards_exchange(SHARDS), "2", &batch)?;
        let alert = amqp.take(ALERTS, 1)?.remove(0);
        ensure!(
            alert.json()?["requested"] == 1,
            "the first limit counts: {alert:?}"
        );
        let rejected = amqp.take(REJECTED, unreadable.len() + 1)?;
        for ((line, reason), message) in unreadable.iter().zip(&rejected) {
            ensure!(
                message.body == *line && message.header("aldebaran-reason") == *reason,
                "{message:?}"
            );
            ensure!(
                message.header("aldebaran-source") == shard_stream(SHARDS, 2),
                "{message:?}"
            );
            ensure!(message.header("aldebaran-offset") == "0", "{message:?}");
            ensure!(
                !message.header("aldebaran-detail").is_empty(),
                "{message:?}"
            );
        }
        let conflict = &rejected[unreadable.len()];
        ensure!(
            conflict.body == request(&order, 2).as_bytes(),
            "{conflict:?}"
        );
        ensure!(
            conflict.header("aldebaran-reason") == "conflict",
            "{conflict:?}"
        );
        Ok(())
    })
}

#[test]
fn ten_megabytes_of_nothing_are_rejected_whole_and_hold_nobody_up() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let amqp = stage.amqp()?;
        let large = vec![b'x'; 10_000_000];
        amqp.publish(TRADE_DATA, "", &large)?;
        amqp.publish(
            TRADE_DATA,
            "",
            [request("1", 1), purchase("2", "1", 2)].join("\n"),
        )?;
        amqp.take(ALERTS, 1)?;
        let rejected = amqp.take(REJECTED, 1)?.remove(0);
        ensure!(rejected.body == large, "{} bytes", rejected.body.len());
        ensure!(
            rejected.header("aldebaran-source") == TRADE_DATA,
            "{:?}",
            rejected.headers
        );
        Ok(())
    })
}

/// Publishes made-up trades with repeats among them, as the options say, and gives the alerts
/// that must come out.
fn publish(stage: &Stage, options: &[&str]) -> Result<Vec<Expected>> {
    let expected = stage.folder().join("expected.jsonl");
    let made_up = [
        "--seed",
        "11",
        "--over-purchased",
        "5%",
        "--duplicate",
        "2%",
    ];
    let publisher = stage.program("publisher")?.args(made_up).args(options);
    publisher
        .arg("--expect")
        .arg(&expected)
        .run()?
        .successful()?;
    let expected = oracle::read(fs::read(expected)?.as_slice())?;
    ensure!(!expected.is_empty(), "a test without alerts shows nothing");
    Ok(expected)
}

/// Fails unless the trades published to an exchange before raise these alerts, each once.
fn raised(stage: &Stage, exchange: &str, shards: u32, expected: &[Expected]) -> Outcome {
    let amqp = stage.amqp()?;
    let alerts = fenced_alerts(&amqp, exchange, shards, ALERTS)?;
    let bodies = alerts.iter().map(|alert| alert.body.as_slice());
    none_missed(&amqp, ALERTS, &missed_alerts(bodies, expected)?)
}

#[test]
fn what_is_not_there_is_told_with_its_remedy_and_nothing_else() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let undeclared = stage.program("auditor")?.run()?.with_code(1)?.log;
        ensure!(
            undeclared.contains("run the program declare"),
            "{undeclared}"
        );
        ensure!(!undeclared.contains("stopped;"), "{undeclared}");
        let absent = stage.program("auditor")?.args(["--file", "/nowhere"]);
        let absent = absent.run()?.with_code(2)?.log;
        ensure!(absent.contains("--file /nowhere: cannot read"), "{absent}");
        ensure!(absent.contains("- for standard input"), "{absent}");
        Ok(())
    })
}
