//! Everything that runs besides the broker: auditors, channel-boys, a mail server, a webhook
//! receiver.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tests::{MailServer, Program, Start, Webhook};

use crate::broker::Broker;
use crate::interrupt;
use crate::show::Show;

/// What runs.
pub(crate) struct Crew {
    pub(crate) mail: MailServer,
    pub(crate) webhook: Webhook,
    pub(crate) folder: PathBuf,
    auditors: Vec<Program>,
    channel_boys: Vec<Program>,
}

impl Crew {
    pub(crate) fn start(broker: &Broker, folder: &Path, show: &Show) -> Result<Self> {
        interrupt::check()?;
        let mail = show.step("a mail server", || MailServer::start(folder))?;
        let webhook = show.step("a webhook receiver", || Webhook::start(folder))?;
        let channels = folder.join("channels.toml");
        fs::write(
            &channels,
            mail.channel("email") + &webhook.channel("webhook"),
        )?;
        let channel_boy = |channel: &str| {
            let start = broker
                .program("channel-boy", folder)?
                .args(["--channel", channel]);
            let start = start.arg("--config").arg(&channels);
            start
                .arg("--ledger")
                .arg(folder.join(format!("{channel}.ledger")))
                .start()
        };
        let amqp = broker.amqp()?;
        let (auditors, channel_boys) =
            show.step("two auditors, an email channel, a webhook channel", || {
                let auditor = || broker.program("auditor", folder)?.start();
                let auditors = vec![auditor()?, auditor()?];
                let channel_boys = vec![channel_boy("email")?, channel_boy("webhook")?];
                amqp.has_consumers(topology::names::AUDITORS, 2)?;
                for channel in ["email", "webhook"] {
                    amqp.has_consumers(&topology::names::alert_queue(channel), 1)?;
                }
                Ok((auditors, channel_boys))
            })?;
        Ok(Self {
            mail,
            webhook,
            folder: folder.to_owned(),
            auditors,
            channel_boys,
        })
    }

    /// Kills the auditor that has been there longest, with -9, and gives its process id.
    pub(crate) fn kill_an_auditor(&mut self) -> Result<u32> {
        let mut auditor = self.auditors.remove(0);
        let id = auditor.id();
        auditor.kill()?;
        Ok(id)
    }

    /// Adds an auditor.
    pub(crate) fn add_auditor(&mut self, auditor: Start) -> Result<()> {
        self.auditors.push(auditor.start()?);
        Ok(())
    }

    /// Ends the programs in order; what they have taken they finish. The sinks stay.
    pub(crate) fn stop(&mut self) -> Result<()> {
        for program in self.auditors.drain(..).chain(self.channel_boys.drain(..)) {
            let name = program.name().to_owned();
            program
                .terminate()?
                .successful()
                .with_context(|| format!("stop {name}"))?;
        }
        Ok(())
    }
}
