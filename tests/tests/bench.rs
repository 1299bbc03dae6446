//! `publisher bench`: what it measures must be there, and all of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{Finished, Outcome, Program, Stage, Start, binary, on_a_stage, on_each_release};
use topology::names::{ALERT, alert_queue};

/// The queue that is read if nobody names another.
const QUEUE: &str = "stdout";

#[test]
fn a_run_against_an_auditor_accounts_for_every_alert() -> Outcome {
    on_each_release(|stage| {
        let _auditor = audited(stage)?;
        let run = bench(stage)?
            .args([
                "--rate",
                "2000",
                "-z",
                "2s",
                "--over-purchased",
                "5%",
                "-x",
                "2",
            ])
            .args(["--fail-above", "max=1m", "--fail-below", "rate=10"]);
        let latencies = stage.folder().join("latencies.csv");
        let run = run.arg("--latencies").arg(&latencies);
        let figures = figures(&run.run()?.successful()?)?;

        // A second of warm-up, two that are measured.
        ensure!(figures["schema"] == "aldebaran-bench/1", "{figures}");
        ensure!(figures["mode"] == "pipeline" && figures["passed"] == true);
        ensure!(figures["trades"]["sent"] == 6000, "{}", figures["trades"]);
        ensure!(figures["trades"]["measured"] == 4000);
        let alerts = &figures["alerts"];
        ensure!(
            alerts["expected"] == 60 && alerts["received"] == 60,
            "{alerts}"
        );
        let rate = &figures["rate"];
        ensure!(rate["asked"] == 2000.0, "{rate}");
        ensure!(
            rate["end_to_end"].as_f64() <= rate["asked"].as_f64(),
            "{rate}"
        );
        let latency = &figures["latency_us"];
        for part in ["due_to_publish", "due_to_confirm"] {
            ensure!(latency[part]["count"] == 4000, "{latency}");
        }
        let count = latency["due_to_alert"]["count"].as_u64().context("count")?;
        ensure!((20..60).contains(&count), "warm-up is left out: {latency}");
        let lines = fs::read_to_string(&latencies)?.lines().count() as u64;
        ensure!(lines == 1 + count, "{lines} lines of {count} alerts");
        let of = |quantile: &str| latency["due_to_alert"][quantile].as_u64();
        let rising = ["p50", "p90", "p99", "p99.9", "p99.99", "max"].map(of);
        ensure!(rising.is_sorted() && rising[0] > Some(0), "{latency}");
        Ok(())
    })
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_sent() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&["--set", "shards=2"])?;
        for option in ["--json", "--latencies"] {
            let run = table(stage)?.args([option, "/nowhere/figures"]).run()?;
            let named = format!("{option} /nowhere/figures: cannot write it");
            ensure!(run.code == Some(2) && run.log.contains(&named), "{run:?}");
        }
        Ok(())
    })
}

#[test]
fn what_goes_through_the_front_door_is_accounted_for_too() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let _auditor = audited(stage)?;
        let run = bench(stage)?.args(["--variable-rate", "500:1", "--variable-rate", "1000:1"]);
        let figures = figures(&run.args(["--to", "front-door"]).run()?.successful()?)?;
        ensure!(figures["trades"]["sent"] == 2000, "{}", figures["trades"]);
        ensure!(figures["trades"]["messages"] == 2000);
        ensure!(figures["alerts"]["received"] == 4);
        Ok(())
    })
}

#[test]
fn without_an_auditor_the_missing_alerts_are_named() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&["--set", "shards=2"])?;
        let quickly = ["--rate", "1000", "-z", "1s", "--alerts-within", "1s"];
        let run = bench(stage)?.args(quickly).run()?.with_code(1)?;
        ensure!(
            run.log.contains("of 4 expected 4 are missing"),
            "{}",
            run.log
        );
        let missing = &figures(&run)?["alerts"]["missing"];
        ensure!(missing["count"] == 4, "{missing}");
        let named = missing["orders"].as_array().context("orders")?;
        ensure!(named.len() == 4, "{missing}");

        let run = table(stage)?.args(quickly).run()?.with_code(1)?;
        let lines = run.output.lines();
        let named = lines.filter(|line| line.starts_with("missing"));
        ensure!(named.count() == 4, "{}", run.output);
        Ok(())
    })
}

#[test]
fn at_saturation_no_more_is_sent_than_alerts_may_be_awaited() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&["--set", "shards=2"])?;
        let quickly = [
            "-z",
            "1s",
            "--alerts-within",
            "1s",
            "--over-purchased",
            "1%",
        ];
        let run = bench(stage)?.args(quickly).args(["--awaited", "20"]);
        let run = figures(&run.run()?.with_code(1)?)?;
        // Twenty are those of 10,000 trades; it is looked at every two thousand.
        let sent = run["trades"]["sent"].as_u64().context("sent")?;
        ensure!((8_000..16_000).contains(&sent), "{}", run["trades"]);
        let missing = run["alerts"]["missing"]["count"].as_u64();
        ensure!(missing >= Some(20) && missing < Some(32), "{missing:?}");
        Ok(())
    })
}

#[test]
fn at_saturation_more_is_sent_when_alerts_have_come() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let _auditor = audited(stage)?;
        // Nothing would leave for a minute if what is awaited were not sent at once.
        let slowly = ["-x", "2", "--awaited", "2", "--linger", "1m", "-z", "2s"];
        let run = bench(stage)?.args(slowly).args(["--over-purchased", "1%"]);
        let run = figures(&run.run()?.successful()?)?;
        ensure!(run["load"]["awaited"] == 2, "{}", run["load"]);
        let sent = run["trades"]["sent"].as_u64().context("sent")?;
        ensure!(sent > 20_000, "{}", run["trades"]);
        ensure!(run["alerts"]["missing"]["count"] == 0, "{}", run["alerts"]);
        Ok(())
    })
}

#[test]
fn an_invented_or_doubled_alert_fails_the_run() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let _auditor = audited(stage)?;
        let amqp = stage.amqp()?;
        let queue = alert_queue(QUEUE);
        // What lies there from before is none of this run.
        amqp.publish(ALERT, "earlier", alert("0"))?;
        let run = bench(stage)?.args(["--rate", "1000", "-z", "2s"]).start()?;
        amqp.has_consumers(&queue, 1)?;
        for _ in 0..2 {
            amqp.publish(ALERT, "invented", alert("1"))?;
        }
        let run = run.finish(tests::PATIENCE)?.with_code(1)?;
        ensure!(
            run.log.contains("did an auditor begin anew?"),
            "{}",
            run.log
        );
        let alerts = &figures(&run)?["alerts"];
        ensure!(alerts["missing"]["count"] == 0, "{alerts}");
        for fault in ["invented", "doubled"] {
            ensure!(alerts[fault]["orders"][0] == order("1"), "{alerts}");
            ensure!(alerts[fault]["count"] == 1, "{alerts}");
        }
        Ok(())
    })
}

#[test]
fn a_threshold_that_cannot_hold_has_its_exit_code() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let _auditor = audited(stage)?;
        let run = bench(stage)?.args(["--rate", "1000", "-z", "2s"]).args([
            "--fail-above",
            "p99=1us",
            "--fail-above",
            "p50=1m",
            "--fail-below",
            "rate=1M",
        ]);
        let run = run.run()?.with_code(3)?;
        ensure!(run.log.contains("p99=1us did not hold"), "{}", run.log);
        ensure!(run.log.contains("rate=1000000 did not hold"), "{}", run.log);
        let figures = figures(&run)?;
        let held = figures["thresholds"].as_array().context("thresholds")?;
        let held: Vec<_> = held.iter().map(|one| &one["held"]).collect();
        ensure!(held == [false, true, false], "{held:?}");
        ensure!(figures["passed"] == false);
        Ok(())
    })
}

#[test]
fn the_limit_is_measured_without_auditors() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&["--set", "shards=2"])?;
        let limit = || {
            Ok::<_, anyhow::Error>(bench(stage)?.args(["--rate", "2000", "-z", "2s", "--limit"]))
        };
        let consumer = stage.program("plain-lapin")?;
        let mut consumer = consumer.args(["consume", "--shards", "2"]).start()?;
        consumer.says("reading")?;
        let figures = figures(&limit()?.run()?.successful()?)?;
        ensure!(figures["mode"] == "limit", "{figures}");
        ensure!(figures["alerts"]["received"] == 12, "{figures}");
        let latency = &figures["latency_us"];
        for part in ["publish_to_read", "alert_to_received"] {
            ensure!(
                latency[part]["count"] == latency["due_to_alert"]["count"],
                "{latency}"
            );
        }
        consumer.terminate()?.successful()?;

        let _auditor = auditor(stage)?;
        let refused = limit()?.run()?.with_code(1)?;
        ensure!(
            refused.log.contains("auditors are at work"),
            "{}",
            refused.log
        );
        Ok(())
    })
}

#[test]
fn a_run_that_is_stopped_tells_what_it_has() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let _auditor = audited(stage)?;
        let run = table(stage)?
            .args(["--rate", "1000", "-z", "10m"])
            .start()?;
        // The alerts of an auditor are there only once trades were sent.
        let amqp = stage.amqp()?;
        amqp.has_consumers(&alert_queue(QUEUE), 1)?;
        amqp.take(&alert_queue("email"), 8)?;
        let run = run.interrupt()?.successful()?;
        ensure!(run.output.contains("STOPPED"), "{}", run.output);
        ensure!(run.output.contains(" 0 missing"), "{}", run.output);
        Ok(())
    })
}

#[test]
fn make_bench_fails_loudly_when_an_alert_is_missing() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        // The programs as they are, but for an auditor whose books end at once and a publisher
        // that does not wait for their alerts for long.
        for program in ["declare", "plain-lapin"] {
            symlink(binary(program)?, stage.folder().join(program))?;
        }
        let benchmark = stage.folder().join("benchmark");
        fs::copy(binary("benchmark")?, &benchmark)?;
        stand_in(
            stage,
            "auditor",
            "shift 2; set -- --ttl 1us --max-skew 0s \"$@\"",
        )?;
        let impatiently = "s/--rate 0 /--rate 0 --alerts-within 1s /";
        stand_in(
            stage,
            "publisher",
            &format!("set -- $(echo \"$*\" | sed '{impatiently}')"),
        )?;

        let report = stage.folder().join("report");
        let run = stage.command(&benchmark.to_string_lossy());
        let run = run.args(["--quick", "--only", "shards=1", "--output"]);
        let run = run.arg(&report).run()?.with_code(1)?;
        ensure!(
            run.log.contains("FAILED: pipeline with 1 shard"),
            "{}",
            run.log
        );
        ensure!(run.log.contains("missing"), "{}", run.log);
        let page = fs::read_to_string(report.join("README.md"))?;
        ensure!(page.contains("**THIS RUN FAILED.**"), "{page}");
        ensure!(
            page.contains("| pipeline with 1 shard **FAILED** |"),
            "{page}"
        );
        Ok(())
    })
}

/// Puts a program of ours into the stage's folder that changes its arguments first.
fn stand_in(stage: &Stage, name: &str, change: &str) -> Outcome {
    let program = binary(name)?;
    let script = format!("#!/bin/sh\n{change}\nexec '{}' \"$@\"\n", program.display());
    let path = stage.file(name, script)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

/// A run after a second of warm-up, told as JSON.
fn bench(stage: &Stage) -> Result<Start> {
    Ok(table(stage)?.args(["--json", "-"]))
}

/// The same, told as a table.
fn table(stage: &Stage) -> Result<Start> {
    let publisher = stage
        .program("publisher")?
        .args(["bench", "--set", "shards=2"]);
    Ok(publisher.args(["--warm-up", "1s"]))
}

/// The topology, and an auditor that has both its shards.
fn audited(stage: &Stage) -> Result<Program> {
    stage.declare(&["--set", "shards=2"])?;
    auditor(stage)
}

fn auditor(stage: &Stage) -> Result<Program> {
    let auditor = stage.program("auditor")?.args(["--set", "shards=2"]);
    let mut auditor = auditor.start()?;
    for shard in 0..2 {
        auditor.says(&format!("took over shard={shard}"))?;
    }
    Ok(auditor)
}

fn figures(run: &Finished) -> Result<Value> {
    serde_json::from_str(&run.output).with_context(|| run.output.clone())
}

fn order(number: &str) -> String {
    format!("00000000-0000-4000-8000-00000000000{number}")
}

fn alert(number: &str) -> String {
    let order = order(number);
    format!(
        r#"{{"alert_id":"{order}","kind":"over_purchase","order_id":"{order}","client":"c",
            "stock":"s","requested":1,"purchased":2,"excess":1,"tipped_by":"{order}"}}"#
    )
}
