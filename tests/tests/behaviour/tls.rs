//! The same over TLS, with an authority of one's own.

use anyhow::{Context, ensure};
use private_broker::Release;
use tests::{Outcome, on_a_stage, purchase, request, shared_broker};
use topology::names::TRADE_DATA;

#[test]
fn trades_and_alerts_pass_over_tls_with_an_authority_of_ones_own() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let url = stage.vhost().tls_guest_url().context("a TLS listener")?;
        let authority = shared_broker(Release::Installed)?.tls_authority();

        let publisher = stage.program("publisher")?.env("ALDEBARAN_AMQP_URL", &url);
        let mut without_authority = publisher.args(["--orders", "1"]).start()?;
        without_authority.says("certificate")?;
        without_authority.says("--tls-ca names the file")?;
        ensure!(
            !without_authority.log().contains("secret-of"),
            "the password is told"
        );

        let auditor = stage.program("auditor")?.env("ALDEBARAN_AMQP_URL", &url);
        let _auditor = auditor.arg("--tls-ca").arg(&authority).start()?;
        let amqp = stage.amqp()?;
        amqp.publish(
            TRADE_DATA,
            "",
            [request("1", 1), purchase("2", "1", 2)].join("\n"),
        )?;
        amqp.take("Aldebaran.Alert.stdout", 1)?;
        Ok(())
    })
}
