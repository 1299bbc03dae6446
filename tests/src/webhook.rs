//! A webhook receiver that writes down every POST before it answers.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use private_broker::{Kept, free_port};
use serde_json::Value;

use crate::repository;
use crate::wait::until;

/// An HTTP server on the loopback interface that answers 200 to every POST. It ends with this
/// value.
#[derive(Debug)]
pub struct Webhook {
    receiver: Kept,
    port: u16,
    file: PathBuf,
}

impl Webhook {
    /// Starts one that writes to `webhook.jsonl` in `folder`.
    ///
    /// # Errors
    ///
    /// When it does not listen; the reason is in `webhook.log` in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let file = folder.join("webhook.jsonl");
        let command = [
            "/usr/bin/python3".into(),
            repository("tests/sinks/webhook.py").into_os_string(),
            port.to_string().into(),
            file.clone().into_os_string(),
        ];
        let receiver = Kept::start(&command, &[], &folder.join("webhook.log"))
            .context("start the webhook receiver")?;
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        until("the webhook receiver listens", || {
            (listens() || receiver.has_ended()).then_some(())
        })?;
        ensure!(
            !receiver.has_ended(),
            "the webhook receiver ended: see {}",
            folder.display()
        );
        Ok(Self {
            receiver,
            port,
            file,
        })
    }

    /// Where to post.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/alerts", self.port)
    }

    /// The part of a `channels.toml` that makes `name` a channel to this receiver.
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        format!(
            "[channel.{name}]\nsink = \"webhook\"\nurl = \"{}\"\n",
            self.url()
        )
    }

    /// The process, to be killed or paused.
    #[must_use]
    pub fn process(&self) -> &Kept {
        &self.receiver
    }

    /// All posts in the order they came: `{"path", "headers", "body"}`, header names in lower
    /// case, the body as text.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn posts(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.file)?;
        // Whole lines only: the last one may be about to be written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }

    /// How many posts came.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn count(&self) -> Result<usize> {
        Ok(fs::read(&self.file)?
            .iter()
            .filter(|byte| **byte == b'\n')
            .count())
    }
}
