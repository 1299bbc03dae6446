//! Any AMQP client in any language may publish: real ones.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{
    Outcome, fenced_alerts, on_a_stage, on_each_release, purchase, repository, request,
    same_alerts, until,
};
use topology::names::{REJECTED, TRADE_DATA};

const ALERTS: &str = "Aldebaran.Alert.stdout";

#[test]
fn the_challenges_own_publisher_in_todays_python_raises_the_oracles_alerts() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let python = stage
            .command("/usr/bin/python3")
            .env("ALDEBARAN_AMQP_URL", stage.vhost().url());
        let script = python.arg(repository("clients/trade_data_source.py"));
        let script = script.args(["--every", "0.01"]).start()?;
        // Chance decides about each order, for 4 in 10 of them: 50 are enough.
        until("50 orders are printed", || {
            (script.output().lines().count() >= 250).then_some(())
        })?;
        let printed = script.interrupt()?.successful()?.output;
        let trades: Vec<Value> = printed
            .lines()
            .map(|line| {
                Ok(serde_json::from_str(
                    line.split_once(": ").context("no JSON")?.1,
                )?)
            })
            .collect::<Result<_>>()?;
        let expected = oracle::over_purchased(&trades);
        ensure!(
            !expected.is_empty(),
            "no order of {} trades is over-purchased",
            trades.len()
        );

        let amqp = stage.amqp()?;
        let alerts = fenced_alerts(&amqp, TRADE_DATA, 4, ALERTS)?;
        same_alerts(alerts.iter().map(|alert| alert.body.as_slice()), &expected)?;
        ensure!(amqp.drain(REJECTED)?.is_empty(), "nothing is rejected");
        Ok(())
    })
}

#[test]
fn amqp_publish_from_the_shell_raises_an_alert_one_trade_a_message_or_one_a_line() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let _auditor = stage.program("auditor")?.start()?;
        let publish = || {
            let publish = stage
                .command("amqp-publish")
                .arg(format!("--url={}", stage.vhost().url()));
            publish.args(["--exchange=Aldebaran.Trade_Data", "--routing-key="])
        };
        let body = format!("--body={}", request("1", 100));
        publish().arg(body).run()?.successful()?;
        let lines = [purchase("2", "1", 90), purchase("3", "1", 30)].join("\n") + "\n";
        publish()
            .input(stage.file("trades.jsonl", lines)?)
            .run()?
            .successful()?;

        let alerts = fenced_alerts(&stage.amqp()?, TRADE_DATA, 4, ALERTS)?;
        ensure!(
            alerts.len() == 1 && alerts[0].json()?["order_id"] == "1",
            "{alerts:?}"
        );
        Ok(())
    })
}
