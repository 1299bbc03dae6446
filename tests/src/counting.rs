//! The counting sink: a process that speaks every wire and writes down what it accepts.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use private_broker::{Folder, Kept, free_port, write_certificates};
use serde_json::Value;

use crate::binary;
use crate::wait::until;

/// The NSCA password that it knows.
pub const NSCA_PASSWORD: &str = "secret-of-nsca";

/// A sink in a process of its own. It ends with this value; what it accepted stays in its folder
/// as long.
#[derive(Debug)]
pub struct CountingSink {
    process: Option<Kept>,
    folder: Folder,
    ports: [u16; 4],
}

/// One message that reached a sink.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whether it was accepted, be it said to the sender or not.
    pub accepted: bool,
    /// Request line and headers, or the envelope.
    pub head: String,
    /// The message itself.
    pub body: String,
}

impl CountingSink {
    /// Starts one, and makes keys for those who send to it.
    ///
    /// # Errors
    ///
    /// When it does not listen; then with what it said.
    pub fn start() -> Result<Self> {
        // Between the look for a free port and the listening somebody else may take it.
        Self::try_to_start().or_else(|_| Self::try_to_start())
    }

    fn try_to_start() -> Result<Self> {
        let folder = Folder::temporary("aldebaran-sink-")?;
        write_certificates(folder.path())?;
        make_keys(folder.path())?;
        let mut sink = Self {
            process: None,
            folder,
            ports: [free_port()?, free_port()?, free_port()?, free_port()?],
        };
        let account = serde_json::json!({
            "type": "service_account", "project_id": "counting",
            "client_email": "aldebaran@counting.example.com",
            "private_key": fs::read_to_string(sink.file("fcm.key"))?,
            "token_uri": format!("{}/token", sink.https()),
        });
        fs::write(sink.file("fcm.json"), account.to_string())?;
        sink.start_again()?;
        Ok(sink)
    }

    /// Starts it again on the same ports, after [`kill`](Self::kill). It knows what it accepted,
    /// and carries out all faults anew.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<()> {
        self.process = None;
        let (ready, log) = (self.file("ready"), self.file("sink.log"));
        let _ = fs::remove_file(&ready); // of the run before, if there was one
        let mut command = vec![
            binary("counting-sink")?.into_os_string(),
            self.folder.path().as_os_str().to_owned(),
            "--nsca-password".into(),
            NSCA_PASSWORD.into(),
        ];
        for (wire, port) in ["--http", "--https", "--smtp", "--nsca"]
            .iter()
            .zip(self.ports)
        {
            command.extend([wire.into(), port.to_string().into()]);
        }
        let process = Kept::start(&command, &[], &log).context("start the counting sink")?;
        until("the counting sink listens", || {
            (ready.exists() || process.has_ended()).then_some(())
        })?;
        let log = fs::read_to_string(&log).unwrap_or_default();
        ensure!(!process.has_ended(), "the counting sink ended: {log}");
        self.process = Some(process);
        Ok(())
    }

    /// Kills it: nothing listens on its ports any more.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => Ok(process.kill()?),
            None => Ok(()),
        }
    }

    /// Has the next `times` messages with `needle` in them treated badly. The faults are
    /// `reset-before-body`, `accept-hang`, `accept-reset`, `busy`, `broken`, `accept-broken`,
    /// `never` and `late:SECONDS`.
    ///
    /// # Errors
    ///
    /// When the order cannot be written.
    pub fn fault(&self, fault: &str, times: u32, needle: &str) -> Result<()> {
        let order = format!("{fault} {times} {needle}\n");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("faults"))?;
        Ok(file.write_all(order.as_bytes())?)
    }

    /// Everything that reached it and has `needle` in it, in the order it came.
    ///
    /// # Errors
    ///
    /// When its log cannot be read.
    pub fn arrivals(&self, needle: &str) -> Result<Vec<Arrival>> {
        let text = fs::read_to_string(self.file("accepted.jsonl"))?;
        // Whole lines only: the last one may be about to be written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let arrival = |line: &str| -> Result<Arrival> {
            let mut line: Value = serde_json::from_str(line)?;
            let mut take = |key: &str| match line[key].take() {
                Value::String(text) => Ok(text),
                other => bail!("{key} is {other}"),
            };
            Ok(Arrival {
                head: take("head")?,
                body: take("body")?,
                accepted: line["accepted"] == true,
            })
        };
        let lines = whole.lines().filter(|line| line.contains(needle));
        lines.map(arrival).collect()
    }

    /// How many messages with `needle` in them it accepted.
    ///
    /// # Errors
    ///
    /// When its log cannot be read.
    pub fn accepted(&self, needle: &str) -> Result<usize> {
        let arrivals = self.arrivals(needle)?;
        Ok(arrivals.iter().filter(|arrival| arrival.accepted).count())
    }

    /// Its HTTP address without TLS, for both versions: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Its HTTP address with TLS, for both versions; [`file`](Self::file) `ca.pem` is to be
    /// trusted.
    #[must_use]
    pub fn https(&self) -> String {
        format!("https://localhost:{}", self.ports[1])
    }

    /// Its port for SMTP.
    #[must_use]
    pub fn smtp(&self) -> u16 {
        self.ports[2]
    }

    /// Its port for NSCA.
    #[must_use]
    pub fn nsca(&self) -> u16 {
        self.ports[3]
    }

    /// A file of its folder: `ca.pem`, `command-file` (the pipe), `apns.key`, and `fcm.json` (a
    /// service account).
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A key for APNs (P-256) and one for FCM (RSA), with their public halves as the sink reads them.
fn make_keys(folder: &Path) -> Result<()> {
    for arguments in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out apns.key",
        "pkey -in apns.key -pubout -outform DER -out apns.public",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out fcm.key",
        "rsa -in fcm.key -RSAPublicKey_out -outform DER -out fcm.public",
    ] {
        let openssl = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .context("run openssl")?;
        let said = String::from_utf8_lossy(&openssl.stderr);
        ensure!(openssl.status.success(), "openssl {arguments}: {said}");
    }
    Ok(())
}
