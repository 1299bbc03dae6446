//! More shards than the broker allows channels for.

use anyhow::ensure;
use tests::{Outcome, on_a_stage_where};

use crate::scene::Scene;

#[test]
fn too_few_channels_for_the_shards_are_said_at_the_start_with_the_remedy() -> Outcome {
    on_a_stage_where("{channel_max, 121}", |stage| {
        let scene = Scene::open(stage, 30, &[])?;
        let refused = scene.program("auditor")?.run()?.with_code(1)?;
        ensure!(
            refused.log.contains("30 shards need up to 122 channels")
                && refused.log.contains("channel_max = 122"),
            "{}",
            refused.log
        );
        Ok(())
    })
}
