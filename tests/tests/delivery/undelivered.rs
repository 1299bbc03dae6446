//! Poison and dead ends: into `Aldebaran.Undelivered`, and out of it again.

use anyhow::{Result, ensure};
use private_broker::Release;
use tests::{Amqp, Message, Outcome, alert_of, on_a_stage, until};
use topology::names::{UNDELIVERED, alert_queue};

use crate::channel::Channel;
use crate::route::Route;
use crate::sinks::Sinks;

#[test]
fn a_refused_alert_is_undelivered_with_its_history_and_is_tried_again_when_redelivered() -> Outcome
{
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let (sink, amqp) = (&sinks.counting, stage.amqp()?);
        let channel = Channel::by(stage, "refusals", Route::Webhook, &sinks, "")?;
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        sink.fault("never", 2, "refused")?;
        channel.raise(&amqp, "refused")?;
        until_undelivered(&amqp)?;
        // Refused once more, and that is another failure: a message of its own.
        redeliver(&channel)?;
        let message = taken(&amqp)?;
        let alert = alert_of("refused");
        ensure!(message.body == alert.to_json(), "{message:?}");
        ensure!(message.message_id.is_some(), "{message:?}");
        for (header, value) in [
            ("aldebaran-reason", "failed"),
            ("aldebaran-channel", "refusals"),
            ("aldebaran-alert", &alert.alert_id.to_string()),
            ("aldebaran-attempts", "2"),
            ("aldebaran-burial", "2"),
        ] {
            ensure!(message.header(header) == value, "{header}: {message:?}");
        }
        ensure!(
            message.header("aldebaran-detail").contains("400"),
            "{message:?}"
        );
        let time = |name| message.header(name).parse::<i64>();
        let first = time("aldebaran-first-try-ms")?;
        ensure!(time("aldebaran-inserted-ms")? <= first, "{message:?}");
        ensure!(first <= time("aldebaran-failed-ms")?, "{message:?}");
        ensure!(
            channel.word("refused")?.as_deref() == Some("failed"),
            "the ledger"
        );
        ensure!(sink.accepted("refused")? == 0, "nothing was taken");

        // A person took it out, looked, and put it back.
        let headers = message.headers.iter();
        let headers: Vec<_> = headers.map(|(n, v)| (n.as_str(), v.clone())).collect();
        amqp.publish_with("", UNDELIVERED, &message.body, &headers)?;
        until_undelivered(&amqp)?;
        redeliver(&channel)?;
        until("it is delivered", || {
            (channel.word("refused").ok()?? == "delivered").then_some(())
        })?;
        channel_boy.terminate()?.successful()?;
        ensure!(sink.accepted("refused")? == 1, "once");
        ensure!(amqp.next(UNDELIVERED)?.is_none(), "nothing is left there");
        Ok(())
    })
}

#[test]
fn what_cannot_be_read_is_undelivered_whole_and_stops_nothing() -> Outcome {
    const POISON: &str = r#"{"alert_id": "no id"}"#;
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let amqp = stage.amqp()?;
        let channel = Channel::by(stage, "poison", Route::Webhook, &sinks, "")?;
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        amqp.publish("", &alert_queue("poison"), POISON)?;
        channel.raise(&amqp, "after-it")?;
        channel.until_word("after-it", "delivered")?;
        until_undelivered(&amqp)?;
        // Still unreadable, it comes back.
        redeliver(&channel)?;
        let message = taken(&amqp)?;
        ensure!(message.body == POISON.as_bytes(), "{message:?}");
        ensure!(
            message.header("aldebaran-reason") == "unreadable",
            "{message:?}"
        );
        ensure!(
            message.header("aldebaran-channel") == "poison",
            "{message:?}"
        );
        ensure!(
            message.header("aldebaran-detail").contains("failed to"),
            "{message:?}"
        );
        let ended = channel_boy.terminate()?.successful()?;
        ensure!(ended.log.contains("not an alert"), "{}", ended.log);
        ensure!(
            sinks.counting.accepted("after-it")? == 1,
            "the alert after it"
        );
        Ok(())
    })
}

fn until_undelivered(amqp: &Amqp) -> Result<()> {
    until("one is undelivered", || {
        (amqp.counts(UNDELIVERED).ok()?.0 == 1).then_some(())
    })
}

fn redeliver(channel: &Channel<'_>) -> Result<()> {
    let said = channel.command(&["redeliver"])?.run()?.successful()?;
    ensure!(
        said.output.contains("1 to be tried again"),
        "{}",
        said.output
    );
    Ok(())
}

fn taken(amqp: &Amqp) -> Result<Message> {
    let mut messages = amqp.take(UNDELIVERED, 1)?;
    Ok(messages.remove(0))
}
