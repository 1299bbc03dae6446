//! TLS for AMQP and HTTP, and the client's own certificate.

use anyhow::{Context, ensure};
use private_broker::Release;
use tests::Outcome;

use crate::world::on;

#[test]
fn both_ways_over_tls_with_an_authority_and_a_certificate_of_ones_own() -> Outcome {
    on(Release::Installed, |world| {
        world.topology("[queue.q]\ntype = \"classic\"")?;
        let broker = world.broker;
        let amqp = broker.tls_url().context("a TLS listener")?;
        let amqp = amqp.replace("/%2f", &format!("/{}", world.vhost()));
        let management = broker.tls_management_url().context("HTTPS")?;
        let (certificate, key) = broker.client_certificate();
        let tls = || -> anyhow::Result<_> {
            Ok(world
                .start()?
                .env("ALDEBARAN_AMQP_URL", &amqp)
                .env("ALDEBARAN_MANAGEMENT_URL", &management)
                .env("ALDEBARAN_TLS_CA", broker.tls_authority()))
        };
        let known = |start: tests::Start| {
            let start = start.env("ALDEBARAN_TLS_CERT", &certificate);
            start.env("ALDEBARAN_TLS_KEY", &key)
        };
        // Here HTTPS lets nobody in who shows no certificate of its authority.
        let stranger = tls()?.arg("plan").run()?.with_code(1)?.log;
        ensure!(stranger.contains("management API"), "{stranger}");
        known(tls()?).args(["apply", "--yes"]).run()?.with_code(0)?;
        known(tls()?).arg("plan").run()?.with_code(0)?;
        // Without the authority neither is trusted.
        let untrusting = world.start()?.env("ALDEBARAN_AMQP_URL", &amqp);
        let told = untrusting.arg("plan").run()?.with_code(1)?.log;
        ensure!(told.contains("certificate"), "{told}");
        let half = tls()?.env("ALDEBARAN_TLS_CERT", &certificate);
        half.arg("plan").run()?.with_code(2)?;
        Ok(())
    })
}
