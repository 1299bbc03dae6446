//! Alerts come in the order of the log.

use anyhow::{Result, ensure};
use tests::{Outcome, on_each_release, purchase, request};

use crate::scene::{Scene, order_of};

/// Every fence of these tests rests on it: an alert that has not come before that of a later
/// order does not come at all.
#[test]
fn a_burst_of_alerts_stands_in_the_order_of_the_log() -> Outcome {
    on_each_release(|stage| {
        let scene = Scene::open(stage, 1, &[])?;
        // Many times what may be unconfirmed, all there when the owner comes.
        let orders: Vec<_> = (0..6000).map(|number| format!("order {number}")).collect();
        for orders in orders.chunks(500) {
            let trades = orders
                .iter()
                .flat_map(|order| [request(order, 1), purchase("p", order, 2)]);
            scene.publish_into(0, trades.collect::<Vec<_>>().join("\n"))?;
        }
        let _owner = scene.owner(&[])?;
        let alerts = scene.alerts()?;
        let alerted: Vec<_> = alerts.iter().map(order_of).collect::<Result<_>>()?;
        let overtaken = orders.iter().zip(&alerted).find(|(order, at)| order != at);
        ensure!(overtaken.is_none(), "the first out of place: {overtaken:?}");
        ensure!(alerted.len() == orders.len(), "{} came", alerted.len());
        Ok(())
    })
}
