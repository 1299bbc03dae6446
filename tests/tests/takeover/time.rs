//! Log time: orphans, and publishers whose clocks are wrong.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use private_broker::Release;
use tests::{Message, Outcome, on_a_stage, purchase, request};

use crate::scene::{SECOND, Scene, closing, now_us};

/// A book is kept a sixteenth and the skew longer than its TTL: here 16 + 1 + 1 seconds.
const TTL: [&str; 4] = ["--ttl", "16s", "--max-skew", "1s"];
const KEPT: i64 = 18 * SECOND;

#[test]
fn an_orphan_is_said_once_when_log_time_has_passed_its_end_and_not_before() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let owner = scene.owner(&TTL)?;
        let begin = now_us() - 3600 * SECOND;
        scene.set_time(begin);
        scene.publish("orphan", &[purchase("a", "orphan", 7)])?;
        scene.publish("orphan", &[purchase("b", "orphan", 8)])?;
        scene.publish("complete", &[purchase("a", "complete", 1)])?;
        scene.publish("complete", &[request("complete", 1)])?;
        scene.set_time(begin + KEPT);
        ensure!(orphans(&scene.rejected()?)?.is_empty(), "too early");
        scene.set_time(begin + KEPT + 1);
        ensure!(orphans(&scene.rejected()?)? == ["orphan 2 15"], "not said");
        scene.set_time(begin + 3 * KEPT);
        ensure!(orphans(&scene.rejected()?)?.is_empty(), "said again");
        ensure!(scene.alerts()?.is_empty());
        let log = owner.terminate()?.successful()?.log;
        ensure!(
            (closing(&log, "orphans")?, closing(&log, "doubtful")?) == (1, 0),
            "{log}"
        );
        Ok(())
    })
}

#[test]
fn an_orphan_whose_book_was_opened_in_what_is_read_again_is_doubtful_and_not_said() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let owner = scene.owner(&TTL)?;
        let begin = now_us() - 3600 * SECOND;
        scene.set_time(begin);
        scene.publish("before", &[purchase("a", "before", 7)])?;
        ensure!(scene.rejected()?.is_empty());
        owner.terminate()?.successful()?;
        let owner = scene.owner(&TTL)?;
        scene.publish("after", &[purchase("a", "after", 7)])?;
        scene.set_time(begin + KEPT + 1);
        ensure!(orphans(&scene.rejected()?)? == ["after 1 7"], "one is said");
        let log = owner.terminate()?.successful()?.log;
        ensure!(
            (closing(&log, "orphans")?, closing(&log, "doubtful")?) == (1, 1),
            "{log}"
        );
        Ok(())
    })
}

#[test]
fn an_order_that_ends_within_the_ttl_alerts_and_one_whose_book_has_ended_does_not() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let _owner = scene.owner(&TTL)?;
        let begin = now_us() - 3600 * SECOND;
        scene.set_time(begin);
        scene.publish("in time", &[request("in time", 1)])?;
        scene.publish("too late", &[request("too late", 1)])?;
        scene.set_time(begin + KEPT);
        scene.publish("in time", &[purchase("a", "in time", 2)])?;
        scene.set_time(begin + KEPT + 1);
        scene.publish("too late", &[purchase("a", "too late", 2)])?;
        scene
            .same_orders(&scene.alerts()?, &BTreeSet::from(["in time".to_owned()]))
            .map(drop)
    })
}

/// One hour ahead, one behind, one right: everybody's orders alert, also when the owner is
/// killed while they are open.
#[test]
fn publishers_an_hour_ahead_and_behind_change_nothing_for_the_orders_of_others() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut owner = scene.owner(&[])?;
        let hour = 3600 * SECOND;
        let clocks = [("right", 0), ("ahead", hour), ("behind", -hour)];
        let each = |what: &dyn Fn(&str) -> Vec<String>| -> Result<()> {
            for (name, wrong) in clocks {
                scene.set_time(now_us() + wrong);
                scene.publish(name, &what(name))?;
            }
            Ok(())
        };
        each(&|name| vec![request(name, 10)])?;
        each(&|name| vec![purchase("a", name, 5)])?;
        each(&|name| vec![purchase("b", name, 5)])?;
        ensure!(scene.rejected()?.is_empty());
        owner.kill()?;
        let _owner = scene.owner(&[])?;
        each(&|name| vec![purchase("c", name, 1)])?;
        scene.set_time(now_us());
        let orders = clocks.map(|(name, _)| name.to_owned());
        scene
            .same_orders(&scene.alerts()?, &BTreeSet::from(orders))
            .map(drop)
    })
}

/// The orphans among rejected messages, each with its purchases and shares.
fn orphans(rejected: &[Message]) -> Result<Vec<String>> {
    let mut orphans = Vec::new();
    for message in rejected {
        ensure!(
            message.header("aldebaran-reason") == "orphan",
            "{message:?}"
        );
        let body = message.json()?;
        let [order, shares] = ["order_id", "shares"].map(|field| body[field].as_str());
        let (order, shares) = (order.unwrap_or("?"), shares.unwrap_or("?"));
        orphans.push(format!("{order} {} {shares}", body["purchases"]));
    }
    Ok(orphans)
}
