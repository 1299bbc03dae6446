//! A sink has a bad day: what comes of each way to fail, with everybody alive.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Amqp, Outcome, Stage, on_a_stage, until};

use crate::at_once::play_all;
use crate::cell::Seen;
use crate::channel::Channel;
use crate::document;
use crate::point::Ending;
use crate::route::{Place, Route};
use crate::sinks::Sinks;

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ResetBeforeBody,
    AcceptHang,
    AcceptReset,
    Busy,
    Broken,
    AcceptBroken,
    Never,
    Late,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::ResetBeforeBody,
        Self::AcceptHang,
        Self::AcceptReset,
        Self::Busy,
        Self::Broken,
        Self::AcceptBroken,
        Self::Never,
        Self::Late,
    ];

    /// As the counting sink knows it.
    fn name(self) -> &'static str {
        match self {
            Self::ResetBeforeBody => "reset-before-body",
            Self::AcceptHang => "accept-hang",
            Self::AcceptReset => "accept-reset",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::AcceptBroken => "accept-broken",
            Self::Never => "never",
            Self::Late => "late:1",
        }
    }

    /// As the page has it.
    fn words(self) -> &'static str {
        match self {
            Self::ResetBeforeBody => "the connection is reset before the message is read",
            Self::AcceptHang => "accepted, then silence",
            Self::AcceptReset => "accepted, then the connection is reset",
            Self::Busy => "429 with Retry-After; 451",
            Self::Broken => "500, not accepted; nonsense to the final dot",
            Self::AcceptBroken => "the same, and accepted",
            Self::Never => "400; 554",
            Self::Late => "accepted, and said so late",
        }
    }

    /// The oracle, for a channel that holds what is in doubt.
    fn ending(self, route: Route) -> Ending {
        let (accepted, word) = match self {
            // Mail has a step between the greeting and the message: there the loss is no doubt.
            Self::ResetBeforeBody if route == Route::Email => (1, "delivered"),
            Self::ResetBeforeBody | Self::Broken => (0, "in_doubt"),
            Self::AcceptHang | Self::AcceptReset | Self::AcceptBroken => (1, "in_doubt"),
            Self::Busy | Self::Late => (1, "delivered"),
            Self::Never => (0, "failed"),
        };
        Ending { accepted, word }
    }
}

#[test]
fn whatever_a_sink_does_it_gets_no_alert_twice_and_the_ledger_knows_what_it_knows() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let all = Fault::ALL.into_iter();
        let plays: Vec<_> = all.flat_map(|f| Route::FALLIBLE.map(|r| (f, r))).collect();
        let played = play_all(stage, &plays, |(fault, route), amqp| {
            play(fault, route, stage, &sinks, amqp)
        })?;
        let table = table(&played);
        println!("{table}");
        for ((fault, route), seen) in &played {
            let expected = fault.ending(*route);
            ensure!(
                seen.is(expected),
                "{fault:?} of {route:?}: {seen:?} instead of {expected:?}"
            );
        }
        document::says("the table of faults", &table)
    })
}

fn play(fault: Fault, route: Route, stage: &Stage, sinks: &Sinks, amqp: &Amqp) -> Result<Seen> {
    let order = format!("{}-{}", route.name(), fault.name().replace(':', "-"));
    let place = Place {
        sinks,
        folder: &Channel::folder_of(stage, &order),
        mark: &order,
    };
    let keys = route.keys(place) + &route.patience("3s");
    let channel = Channel::open(stage, &order, &keys)?;
    let deliver = || -> Result<Seen> {
        sinks.counting.fault(fault.name(), 1, &order)?;
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        channel.raise(amqp, &order)?;
        channel.until_word(&order, fault.ending(route).word)?;
        channel_boy.terminate()?.successful()?;
        Ok(Seen {
            accepted: sinks.counting.accepted(&order)?,
            word: channel.word(&order)?.unwrap_or_default(),
            order: order.clone(),
        })
    };
    deliver().with_context(|| channel.report())
}

fn table(played: &[((Fault, Route), Seen)]) -> String {
    let mut table = String::from("| what the sink does, once |");
    for route in Route::FALLIBLE {
        let _ = write!(table, " {} |", route.name());
    }
    table += "\n|---|";
    table += &"---|".repeat(Route::FALLIBLE.len());
    table += "\n";
    for fault in Fault::ALL {
        let _ = write!(table, "| {} |", fault.words());
        for ((_, _), seen) in played.iter().filter(|((of, _), _)| *of == fault) {
            let _ = write!(table, " {} |", seen.entry());
        }
        table += "\n";
    }
    table
}

#[test]
fn a_sink_that_is_away_is_tried_again_until_it_is_there() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let mut sinks = Sinks::start(stage)?;
        sinks.counting.kill()?;
        let mut channels = Vec::new();
        let amqp = stage.amqp()?;
        for route in Route::FALLIBLE {
            let name = format!("{}-away", route.name());
            let channel = Channel::by(stage, &name, route, &sinks, "")?;
            let channel_boy = channel.channel_boy("channel-boy")?.start()?;
            channel.raise(&amqp, &name)?;
            channels.push((name, channel, channel_boy));
        }
        for (name, channel, _) in &channels {
            until(&format!("{name} was tried in vain"), || {
                (channel.word(name).ok()?? == "retry_at").then_some(())
            })
            .with_context(|| channel.report())?;
        }
        sinks.counting.start_again()?;
        for (name, channel, channel_boy) in channels {
            let delivered = channel.until_word(&name, "delivered");
            delivered.with_context(|| channel.report())?;
            channel_boy.terminate()?.successful()?;
            ensure!(sinks.counting.accepted(&name)? == 1, "{name}");
        }
        Ok(())
    })
}

#[test]
fn retry_after_is_waited_for() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let channel = Channel::by(stage, "busy", Route::Webhook, &sinks, "")?;
        let sink = &sinks.counting;
        sink.fault("busy", 3, "order")?;
        let _channel_boy = channel.channel_boy("channel-boy")?.start()?;
        let begun = std::time::Instant::now();
        channel.raise(&stage.amqp()?, "order")?;
        channel.until_word("order", "delivered")?;
        // Three times 1 s, where the channel itself would have waited for 50 ms at most.
        let waited = begun.elapsed().as_secs_f64();
        ensure!(waited >= 3.0, "only {waited} s");
        ensure!(
            sink.arrivals("order")?.len() == 4,
            "tried more than it was asked to"
        );
        ensure!(sink.accepted("order")? == 1, "accepted more than once");
        Ok(())
    })
}
