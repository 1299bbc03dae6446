//! Who reads the shards when the limit is measured.

use anyhow::{Context, anyhow};
use broker::Endpoint;
use program::Fault;
use topology::names;

/// Makes sure that no auditor is at work.
pub(crate) async fn check(endpoint: &Endpoint, shards: Option<u32>) -> Result<(), Fault> {
    if shards.is_none() {
        return Err(Fault::Usage(
            "--limit goes with --to shards only: plain consumers read the shards' streams"
                .to_owned(),
        ));
    }
    let connection = broker::connect(endpoint, "publisher bench limit").await;
    let connection = connection.context("look for auditors")?;
    let roster = connection.channel().await.context("look for auditors")?;
    let auditors = roster
        .queue_status(names::AUDITORS)
        .await
        .with_context(|| format!("look for auditors in {}", names::AUDITORS))?
        .consumers;
    connection.close().await;
    if auditors > 0 {
        let fault = "measure the limit: auditors are at work";
        return Err(anyhow!("{fault} ({auditors}); stop them first").into());
    }
    Ok(())
}
