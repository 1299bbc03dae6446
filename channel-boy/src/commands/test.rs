//! `channel-boy test`: does the way to the recipients work?

use std::{
    io::{Write, stdout},
    path::Path,
};

use clap::Args;
use program::Fault;
use tokio_util::sync::CancellationToken;
use trade::Alert;

use crate::{
    clock::now_ms,
    config::{self, Channel},
    sink::{Answer, Letter, Threshold},
    wording::{one_line, test_alert},
};

/// Sends one test alert over a channel, marked as one, and says what came of it.
///
/// It takes the way of any alert but for the queue, the filter and the ledger: nothing is
/// recorded, and nothing is tried again. Exit code 0 if it was delivered to everybody,
/// otherwise 1; 2 for a wrong configuration.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The channel: its part of the configuration
    #[arg(long, value_name = "NAME")]
    channel: String,

    /// Only to this recipient, as the ledger names it (may be repeated)
    #[arg(long = "recipient", value_name = "NAME")]
    recipients: Vec<String>,
}

impl Test {
    pub(super) async fn run(&self, config: &Path, stop: &CancellationToken) -> Result<(), Fault> {
        let channel = config::load(config, &self.channel)
            .map_err(|problems| Fault::Usage(problems.to_string()))?;
        let alert = test_alert(now_ms());
        let mut undelivered = 0;
        for recipient in self.recipients(&channel)? {
            let answer = send(&channel, recipient, &alert, stop).await;
            let recipient = one_line(recipient, 100);
            writeln!(
                stdout(),
                "{recipient}: {}: {}",
                answer.word(),
                one_line(answer.why(), 300)
            )?;
            if !matches!(answer, Answer::Delivered(_)) {
                undelivered += 1;
            }
        }
        match undelivered {
            0 => Ok(()),
            _ => Err(Fault::Exit {
                code: 1,
                message: format!("the test alert was not delivered to {undelivered}"),
            }),
        }
    }

    fn recipients<'a>(&self, channel: &'a Channel) -> Result<Vec<&'a String>, Fault> {
        let all = &channel.recipients;
        let unknown: Vec<_> = self
            .recipients
            .iter()
            .filter(|r| !all.contains(r))
            .collect();
        if !unknown.is_empty() {
            return Err(Fault::Usage(format!(
                "--recipient: {unknown:?}: the channel {} has: {all:?}",
                channel.name
            )));
        }
        let wanted = |r: &&String| self.recipients.is_empty() || self.recipients.contains(r);
        Ok(all.iter().filter(wanted).collect())
    }
}

/// One attempt, cut off as any other.
async fn send(
    channel: &Channel,
    recipient: &str,
    alert: &Alert,
    stop: &CancellationToken,
) -> Answer {
    let payload = alert.to_json();
    let letter = Letter {
        channel: &channel.name,
        recipient,
        id: alert.alert_id,
        alert,
        payload: &payload,
        more: &[],
        created_ms: now_ms(),
        first_try_ms: now_ms(),
    };
    let threshold = Threshold::default();
    let longest = channel.sink.longest_attempt();
    tokio::select! {
        biased;
        answer = channel.sink.send(&letter, &threshold) => answer,
        () = tokio::time::sleep(longest) => threshold.cut_off("no answer in time"),
        () = stop.cancelled() => threshold.cut_off("stopped before the answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(recipients: &[&str]) -> Test {
        Test {
            channel: "file".to_owned(),
            recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        }
    }

    #[tokio::test]
    async fn a_test_alert_takes_the_sink_s_way_and_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let (config, file) = (folder.path().join("c.toml"), folder.path().join("out"));
        let text = format!(
            "[channel.file]\nsink = 'file'\npath = '{}'\n",
            file.display()
        );
        std::fs::write(&config, &text).unwrap();
        let stop = CancellationToken::new();
        assert!(test(&["file"]).run(&config, &stop).await.is_ok());
        let sent = Alert::from_json(&std::fs::read(&file).unwrap()).unwrap();
        for field in [&sent.client, &sent.stock, &sent.order_id, &sent.tipped_by] {
            assert!(field.starts_with("TEST"), "{sent:?}");
        }
        let fault = test(&["bob"]).run(&config, &stop).await;
        assert!(matches!(fault, Err(Fault::Usage(_))), "{fault:?}");

        std::fs::write(&config, text.replace("/out", "/no/out")).unwrap();
        let fault = test(&[]).run(&config, &stop).await;
        assert!(
            matches!(fault, Err(Fault::Exit { code: 1, .. })),
            "{fault:?}"
        );
    }
}
