//! Killed or stopped while a connection is being made: nothing was sent, and that is known.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Outcome, on_a_stage, until};

use crate::channel::Channel;
use crate::route::{Place, Route};
use crate::sinks::Sinks;

/// How the channel-boy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Killed,
    Stopped,
}

#[test]
fn what_was_only_getting_ready_is_sent_once_and_never_in_doubt() -> Outcome {
    for release in [Release::Installed, Release::Debian13] {
        on_a_stage(release, |stage| {
            stage.declare(&[])?;
            let sinks = Sinks::start(stage)?;
            // It takes the connection and says nothing, as a greeting or a TLS handshake would.
            let silent = TcpListener::bind("127.0.0.1:0")?;
            let port = silent.local_addr()?.port();
            for (route, exit) in [
                (Route::Webhook, Exit::Killed),
                (Route::Webhook, Exit::Stopped),
                (Route::Apns, Exit::Killed),
                (Route::Email, Exit::Killed),
                (Route::Nsca, Exit::Stopped),
            ] {
                let name = format!("approach-{}-{exit:?}", route.name());
                let channel = Channel::by(stage, &name, route, &sinks, "")?;
                let play = || -> Result<()> {
                    let place = Place {
                        sinks: &sinks,
                        folder: channel.folder(),
                        mark: "",
                    };
                    let keys = route.keys(place);
                    channel.configure(&led_to(&keys, route, port))?;
                    let mut channel_boy = channel
                        .channel_boy("channel-boy")?
                        .args(["--drain", "1ms"])
                        .start()?;
                    let amqp = stage.amqp()?;
                    channel.raise(&amqp, &name)?;
                    let wait = until("it gets ready", || {
                        let word = channel.word(&name).ok()??;
                        (word != "pending").then_some(word)
                    })?;
                    ensure!(wait == "claimed", "{wait}");
                    match exit {
                        Exit::Killed => channel_boy.kill()?,
                        Exit::Stopped => drop(channel_boy.terminate()?.successful()?),
                    }
                    channel.configure(&keys)?;
                    let channel_boy = channel.channel_boy("channel-boy")?.start()?;
                    channel.until_word(&name, "delivered")?;
                    let ended = channel_boy.terminate()?.successful()?;
                    ensure!(!ended.log.contains("in doubt"), "{}", ended.log);
                    ensure!(sinks.counting.accepted(&name)? == 1, "once");
                    Ok(())
                };
                play().with_context(|| channel.report())?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The same keys, to somebody who keeps quiet.
fn led_to(keys: &str, route: Route, port: u16) -> String {
    let lines = keys.lines().map(|line| {
        let key = line.split(' ').next().unwrap_or_default();
        match key {
            "url" | "base_url" => format!("{key} = 'https://127.0.0.1:{port}'\n"),
            "port" if route == Route::Email || route == Route::Nsca => format!("port = {port}\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}
