//! Odd input: out of order, in the wrong place, in conflict, too much.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use private_broker::Release;
use serde_json::json;
use tests::{Binding, Outcome, on_a_stage, purchase, request, until};
use topology::names::{REJECTED, shards_exchange};

use crate::scene::{ALERTS, Scene, closing, distinct, order_of};

#[test]
fn purchases_before_their_request_alert_also_when_the_owner_is_killed_between() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut first = scene.owner(&[])?;
        scene.publish("early", &[purchase("a", "early", 60)])?;
        scene.publish("early", &[purchase("b", "early", 41)])?;
        scene.publish("enough", &[purchase("a", "enough", 100)])?;
        // Read by the first owner, for what it rejects comes behind.
        ensure!(scene.rejected()?.is_empty());
        first.kill()?;
        let _second = scene.owner(&[])?;
        scene.publish("early", &[request("early", 100)])?;
        scene.publish("enough", &[request("enough", 100)])?;
        let alerts = scene.alerts()?;
        let (bodies, _) = distinct(&alerts)?;
        ensure!(bodies.len() == 1, "{alerts:?}");
        let alert = alerts[0].json()?;
        ensure!(
            alert["order_id"] == "early" && alert["tipped_by"] == "b",
            "{alert}"
        );
        ensure!(
            alert["purchased"] == 101 || alert["purchased"] == "101",
            "{alert}"
        );
        Ok(())
    })
}

#[test]
fn a_trade_in_the_wrong_shard_is_forwarded_and_its_order_alerts() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        let mut owner = scene.owner(&[])?;
        let right = trade::shard_of("order", 2);
        let wrong = 1 - right;
        scene.publish_into(right, request("order", 10))?;
        scene.publish_into(wrong, purchase("a", "order", 6))?;
        scene.publish_into(wrong, purchase("b", "order", 5))?;
        let alert = scene.amqp.take(ALERTS, 1)?.remove(0);
        ensure!(order_of(&alert)? == "order", "{alert:?}");
        owner.says("a trade is in the wrong shard")?;
        let log = owner.terminate()?.successful()?.log;
        ensure!(closing(&log, "misplaced")? == 2, "{log}");
        ensure!(log.matches("wrong shard").count() == 1, "said once: {log}");
        Ok(())
    })
}

#[test]
fn a_request_again_is_nothing_and_with_other_content_a_conflict() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut first = scene.owner(&[])?;
        let order = request("order", 10);
        scene.publish("order", &[order.clone(), order.clone()])?;
        let others = [
            order.replace(":10,", ":1000,"),
            order.replace("Sendence", "Goldman"),
            order.replace("AAPL", "MSFT"),
        ];
        scene.publish("order", &others[..1])?;
        let mut rejected = scene.rejected()?;
        first.kill()?;
        // The next owner has the first limit, and not the second one, from the log.
        let _second = scene.owner(&[])?;
        scene.publish("order", &others[1..])?;
        scene.publish("order", &[order])?;
        scene.publish("order", &[purchase("a", "order", 11)])?;
        rejected.extend(scene.rejected()?);
        let bodies: BTreeSet<_> = rejected.iter().map(|message| &message.body[..]).collect();
        let conflicts: BTreeSet<_> = others.iter().map(String::as_bytes).collect();
        ensure!(bodies == conflicts, "{rejected:?}");
        for message in &rejected {
            ensure!(
                message.header("aldebaran-reason") == "conflict",
                "{message:?}"
            );
        }
        let alerts = scene.alerts()?;
        let alert = alerts.first().context("an alert")?.json()?;
        ensure!(
            alert["requested"] == 10 && alert["client"] == "Sendence" && alert["stock"] == "AAPL",
            "{alert}"
        );
        scene
            .same_orders(&alerts, &BTreeSet::from(["order".to_owned()]))
            .map(drop)
    })
}

/// What is for shard 1 comes into shard 0 as well, and so does what shard 0 forwards of it.
#[test]
fn with_a_binding_too_many_no_trade_goes_round_for_ever_and_each_order_alerts() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 2, &[])?;
        scene.amqp.bind(&Binding {
            exchange: &shards_exchange(2),
            routing_key: "1",
            queue: &scene.stream(0),
            arguments: &[],
        })?;
        let mut owner = scene.owner(&[])?;
        let orders = scene.over_purchase_all("order", 0..20)?;
        let astray = orders.iter().filter(|order| trade::shard_of(order, 2) == 1);
        // Two trades an order.
        let rejected = scene.amqp.take(REJECTED, 2 * astray.count())?;
        for message in rejected {
            ensure!(
                message.header("aldebaran-reason") == "misplaced",
                "{message:?}"
            );
        }
        ensure!(scene.rejected()?.is_empty());
        scene.same_orders(&scene.alerts()?, &orders)?;
        owner.says("A TRADE WAS FORWARDED TO ITS SHARD")
    })
}

#[test]
fn more_books_than_allowed_is_said_loudly_and_raises_no_wrong_alert() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut owner = scene.owner(&["--max-books", "10"])?;
        let order = |number| format!("order {number}");
        for number in 0..30 {
            scene.publish(&order(number), &[request(&order(number), 10)])?;
        }
        let mut expected = BTreeSet::new();
        // From the newest on, for a purchase opens a book again that was ended.
        for number in (0..30).rev() {
            let order = order(number);
            scene.publish(
                &order,
                &[purchase("a", &order, 6), purchase("b", &order, 5)],
            )?;
            if number >= 20 {
                expected.insert(order);
            }
        }
        // Half of what was ended is asked for again, with a limit that its purchases keep.
        for number in 0..5 {
            scene.publish(&order(number), &[request(&order(number), 11)])?;
        }
        scene.same_orders(&scene.alerts()?, &expected)?;
        until("it is said", || {
            let log = owner.log();
            log.lines()
                .any(|line| line.contains("ERROR") && line.contains("MORE BOOKS"))
                .then_some(())
        })?;
        ensure!(owner.is_running()?);
        let log = owner.terminate()?.successful()?.log;
        ensure!(closing(&log, "evicted")? >= 20, "{log}");
        Ok(())
    })
}

#[test]
fn what_is_no_trade_is_rejected_with_its_place_in_the_log() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let _owner = scene.owner(&[])?;
        scene.publish_into(0, format!("{}\n{{}}", request("a", 1)))?;
        let rejected = scene.rejected()?;
        ensure!(rejected.len() == 1, "{rejected:?}");
        let headers = json!(rejected[0].headers);
        ensure!(
            headers["aldebaran-offset"] == 0 && headers["aldebaran-line"] == 2,
            "{headers}"
        );
        Ok(())
    })
}
