//! A channel-boy that is stopped without its knowledge (SIGSTOP) and goes on when its lease is
//! over: as a virtual machine that was moved, or a disk that hung.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Amqp, Outcome, Stage, on_a_stage, until};

use crate::at_once::play_all;
use crate::channel::Channel;
use crate::route::Route;
use crate::sinks::Sinks;

/// Where it is stopped, and for how long: longer than the lease that it has there, which is 30 s
/// more than it takes to connect for a claim, and 60 s more than its longest attempt for what is
/// being sent.
const PAUSES: [(&str, u64); 4] = [
    ("claimed", 33),
    ("sending", 63),
    ("threshold", 63),
    ("answered", 63),
];

#[test]
fn what_was_paused_past_its_lease_is_sent_once_at_most_and_the_ledger_agrees() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let played = play_all(stage, &PAUSES, |(point, pause_s), amqp| {
            play(point, Duration::from_secs(pause_s), stage, &sinks, amqp)
        })?;
        for ((point, _), (accepted, word)) in played {
            let agrees = match (point, word.as_str()) {
                // The claim was nobody's when it woke: it had to claim again.
                ("claimed", "delivered") => accepted == 1,
                // It had the answer, which is still true.
                ("answered", "delivered") => accepted == 1,
                ("sending" | "threshold", "delivered") => accepted == 1,
                ("sending" | "threshold", "in_doubt") => accepted <= 1,
                _ => false,
            };
            ensure!(
                agrees,
                "{point}: {accepted} accepted, the ledger says {word}"
            );
        }
        Ok(())
    })
}

fn play(
    point: &str,
    pause: Duration,
    stage: &Stage,
    sinks: &Sinks,
    amqp: &Amqp,
) -> Result<(usize, String)> {
    let (name, order) = (format!("paused-{point}"), format!("paused-at-{point}"));
    let keys = Route::Webhook.patience("1s");
    let sink = &sinks.counting;
    let channel = Channel::by(stage, &name, Route::Webhook, sinks, &keys)?;
    let play = || -> Result<_> {
        let channel_boy = channel.channel_boy("channel-boy-crash-points")?;
        let channel_boy = channel_boy.env("ALDEBARAN_STOP_AT", point).start()?;
        channel.raise(amqp, &order)?;
        until("it is stopped", || channel_boy.is_stopped().then_some(()))?;
        // No condition to wait for: the passing of time is what is tested.
        thread::sleep(pause);
        channel_boy.resume()?;
        let after = format!("after-{point}");
        channel.raise(amqp, &order)?;
        channel.raise(amqp, &after)?;
        channel.until_word(&after, "delivered")?;
        until("it is settled", || {
            let word = channel.word(&order).ok()??;
            ["delivered", "in_doubt"]
                .contains(&word.as_str())
                .then_some(())
        })?;
        channel_boy.terminate()?.successful()?;
        ensure!(sink.accepted(&after)? == 1, "the alert after it");
        Ok((
            sink.accepted(&order)?,
            channel.word(&order)?.unwrap_or_default(),
        ))
    };
    play().with_context(|| channel.report())
}
