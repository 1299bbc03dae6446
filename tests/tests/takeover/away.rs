//! A token is taken away while others wait for it. They look for it twice a minute, so this test
//! takes the longest, and its name lets it begin first.

use private_broker::Release;
use tests::{InLine, Outcome, on_a_stage, until};

use crate::scene::Scene;
use crate::token::{after_one_owner, orders_of_the_first};

#[test]
fn a_token_taken_away_while_others_wait_is_replaced_and_no_alert_is_missed() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let mut alerts = after_one_owner(&scene)?;
        let mut witness = InLine::join(&stage.vhost().url(), &scene.progress(0))?;
        witness.take()?;
        let mut waiting = scene.auditor(&[])?;
        scene.has_consumers(&scene.progress(0), 2)?;
        // Whoever begins to wait puts a blank token in, which the witness takes too.
        until("the witness has all", || {
            let all = witness.take().ok()?.len();
            (all > 1 && scene.amqp.counts(&scene.progress(0)).ok()?.0 == 0).then_some(())
        })?;
        witness.forget()?;
        witness.leave()?;
        waiting.says("took over")?;
        let mut orders = orders_of_the_first();
        orders.extend(scene.over_purchase_all("b", 0..20)?);
        alerts.extend(scene.alerts()?);
        scene.same_orders(&alerts, &orders).map(drop)
    })
}
