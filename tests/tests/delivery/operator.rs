//! What an operator does about an alert in doubt, beside the channel-boy that delivers.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{Outcome, alert_of, on_a_stage};

use crate::channel::Channel;
use crate::route::Route;
use crate::sinks::Sinks;

#[test]
fn what_is_in_doubt_is_listed_shown_and_resolved_either_way() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let (sink, amqp) = (&sinks.counting, stage.amqp()?);
        let channel = Channel::by(stage, "doubts", Route::Webhook, &sinks, "")?;
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        // One was taken, one was not; the channel-boy cannot tell them apart.
        sink.fault("accept-broken", 1, "came-through")?;
        sink.fault("broken", 1, "got-lost")?;
        for order in ["came-through", "got-lost"] {
            channel.raise(&amqp, order)?;
            channel.until_word(order, "in_doubt")?;
        }
        let (came, lost) = (id("came-through"), id("got-lost"));
        let doubts = channel.entries(&["list", "--state", "in_doubt"])?;
        ensure!(
            sorted(&doubts, "alert") == sort([&came, &lost]),
            "{doubts:?}"
        );
        let shown = channel.answer(&["show", &came])?;
        for words in ["in_doubt", "came-through", "attempts    1", "note"] {
            ensure!(shown.contains(words), "{words:?} is missing:\n{shown}");
        }

        let said = channel.answer(&["resolve", &came, "--delivered"])?;
        ensure!(said.contains("1 delivered"), "{said}");
        let said = channel.answer(&["resolve", &lost, "--resend"])?;
        ensure!(said.contains("1 to be sent again"), "{said}");
        for order in ["came-through", "got-lost"] {
            channel.until_word(order, "delivered")?;
        }
        let again = channel.command(&["resolve", &came, "--resend"])?.run()?;
        let again = again.with_code(1)?;
        ensure!(
            again.log.contains("no entry of it is in doubt"),
            "{}",
            again.log
        );
        ensure!(
            channel
                .entries(&["list", "--state", "in_doubt"])?
                .is_empty()
        );

        let history = channel.entries(&["history", "--since", "1h"])?;
        ensure!(
            sorted(&history, "alert") == sort([&came, &lost]),
            "{history:?}"
        );
        ensure!(sorted(&history, "state") == ["delivered"; 2], "{history:?}");
        let decided = history.iter().find(|entry| entry["alert"] == *came);
        let note = decided.and_then(|entry| entry["note"].as_str());
        ensure!(
            note.unwrap_or_default().contains("a person says"),
            "{note:?}"
        );
        channel_boy.terminate()?.successful()?;
        for order in ["came-through", "got-lost"] {
            ensure!(sink.accepted(order)? == 1, "{order}");
        }
        Ok(())
    })
}

fn id(order: &str) -> String {
    alert_of(order).alert_id.to_string()
}

fn sorted<'a>(entries: &'a [Value], key: &str) -> Vec<&'a str> {
    sort(entries.iter().filter_map(|entry| entry[key].as_str()))
}

fn sort<S: Ord>(texts: impl IntoIterator<Item = S>) -> Vec<S> {
    let mut texts: Vec<S> = texts.into_iter().collect();
    texts.sort();
    texts
}

impl Channel<'_> {
    /// What a command prints.
    fn answer(&self, arguments: &[&str]) -> Result<String> {
        Ok(self.command(arguments)?.run()?.successful()?.output)
    }

    /// The entries that a command gives to programs.
    fn entries(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let json = self.answer(&[arguments, &["--format", "json"]].concat())?;
        let mut answer: Value = serde_json::from_str(&json)?;
        ensure!(answer["version"] == 1, "{answer}");
        let entries = answer["entries"].as_array_mut().context("entries")?;
        Ok(std::mem::take(entries))
    }
}
