//! A shard that is owned for longer than the broker lets a delivery stay unacknowledged.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::{Outcome, on_a_stage_where, until};

use crate::scene::Scene;

/// By default half an hour, looked at each minute.
const TIMEOUT: Duration = Duration::from_secs(3);
const RABBIT: &str = "{consumer_timeout, 3000}, {channel_tick_interval, 200}";

#[test]
fn an_idle_owner_renews_its_token_before_the_broker_loses_patience() -> Outcome {
    on_a_stage_where(RABBIT, |stage| {
        let scene = Scene::open(stage, 1, &[])?;
        let owner = scene.owner(&["--renew-after", "1s"])?;
        let mut orders = scene.over_purchase_all("before", 0..3)?;
        let mut alerts = scene.alerts()?;
        let idle = Instant::now();
        until("it was idle for long", || {
            (idle.elapsed() > TIMEOUT * 3).then_some(())
        })?;
        orders.extend(scene.over_purchase_all("after", 0..3)?);
        alerts.extend(scene.alerts()?);
        ensure!(
            scene.same_orders(&alerts, &orders)? == 0,
            "alerts came again"
        );
        let log = owner.terminate()?.successful()?.log;
        ensure!(log.matches("took over").count() == 1, "{log}");
        ensure!(!log.contains("the session with the broker ended"), "{log}");

        // The broker means it: one that does not renew is thrown out, and begins again.
        let mut careless = scene.owner(&["--renew-after", "1h"])?;
        careless.says("the session with the broker ended")?;
        let orders = scene.over_purchase_all("thrown out", 0..3)?;
        scene.same_orders(&scene.alerts()?, &orders).map(drop)
    })
}
