//! Another bus over TLS: only one that proves to be the right one gets an alert.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Outcome, Stage, Start, on_a_stage, shared_broker};

use crate::channel::Channel;
use crate::route::{Place, Route};
use crate::sinks::Sinks;

#[test]
fn a_bus_of_an_authority_of_ones_own_is_delivered_to_over_tls() -> Outcome {
    for release in [Release::Installed, Release::Debian13] {
        on_a_stage(release, |stage| {
            stage.declare(&[])?;
            let sinks = Sinks::start(stage)?;
            let trusted = shared_broker(release)?.tls_authority();
            let ca_file = format!("ca_file = '{}'\n", trusted.display());
            let channel = Channel::by(stage, "own", Route::Amqp, &sinks, &ca_file)?;
            let channel_boy = over_tls(stage, &channel)?.start()?;
            let amqp = stage.amqp()?;
            // Another time over the same connection.
            for order in ["own-1", "own-2"] {
                channel.raise(&amqp, order)?;
                channel.until_word(order, "delivered")?;
                ensure!(sinks.on_the_bus(order)? == 1, "{order}");
            }
            channel_boy.terminate()?.successful()?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_bus_that_proves_nothing_gets_nothing_and_the_alert_waits_for_the_right_authority() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let of_another = sinks.counting.file("ca.pem");
        let of_another = format!("ca_file = '{}'\n", of_another.display());
        let trusted = shared_broker(Release::Installed)?.tls_authority();
        let trusted = format!("ca_file = '{}'\n", trusted.display());
        let amqp = stage.amqp()?;
        for (name, untrusted) in [("system_s", ""), ("another_s", of_another.as_str())] {
            let channel = Channel::by(stage, name, Route::Amqp, &sinks, untrusted)?;
            let play = || -> Result<()> {
                let mut channel_boy = over_tls(stage, &channel)?.start()?;
                channel.raise(&amqp, name)?;
                channel_boy.says(": if its authority is your own, ca_file names the file")?;
                channel.until_word(name, "retry_at")?;
                let said = channel_boy.terminate()?.successful()?.log;
                ensure!(!said.contains("secret-of"), "the password is told: {said}");
                ensure!(sinks.on_the_bus(name)? == 0, "it was delivered");

                let place = Place {
                    sinks: &sinks,
                    folder: channel.folder(),
                    mark: "",
                };
                channel.configure(&format!("{trusted}{}", Route::Amqp.keys(place)))?;
                let channel_boy = over_tls(stage, &channel)?.start()?;
                channel.until_word(name, "delivered")?;
                channel_boy.terminate()?.successful()?;
                ensure!(sinks.on_the_bus(name)? == 1, "once");
                Ok(())
            };
            play().with_context(|| channel.report())?;
        }
        Ok(())
    })
}

/// A channel-boy for it whose other bus is the stage's vhost over TLS.
fn over_tls(stage: &Stage, channel: &Channel<'_>) -> Result<Start> {
    let bus = stage.vhost().tls_guest_url().context("a TLS listener")?;
    Ok(channel.channel_boy("channel-boy")?.env("BUS_URL", bus))
}
