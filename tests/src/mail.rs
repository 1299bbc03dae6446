//! A real mail server: aiosmtpd, which keeps every mail in a maildir.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use private_broker::{Kept, free_port};

use crate::wait::until;

/// Below the server's folder.
const MAILDIR: &str = "maildir";

/// An SMTP server without TLS on the loopback interface. It ends with this value.
#[derive(Debug)]
pub struct MailServer {
    server: Kept,
    port: u16,
    folder: PathBuf,
}

impl MailServer {
    /// Starts one that keeps its mails below `folder`.
    ///
    /// # Errors
    ///
    /// When it does not answer; the reason is in `mail-server.log` in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_on(free_port()?, folder)
    }

    /// The same server once more, after its process was killed: the port and the mails stay.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(self) -> Result<Self> {
        let Self {
            server,
            port,
            folder,
        } = self;
        drop(server);
        Self::start_on(port, &folder)
    }

    fn start_on(port: u16, folder: &Path) -> Result<Self> {
        let log = folder.join("mail-server.log");
        let command = [
            "/usr/bin/python3".into(), // Debian's own, which sees Debian's packages
            "-m".into(),
            "aiosmtpd".into(),
            "--nosetuid".into(),
            "--listen".into(),
            format!("127.0.0.1:{port}").into(),
            "--class".into(),
            "aiosmtpd.handlers.Mailbox".into(),
            folder.join(MAILDIR).into_os_string(),
        ];
        let server = Kept::start(&command, &[], &log).context("start the mail server")?;
        until("the mail server greets", || {
            (greets(port) || server.has_ended()).then_some(())
        })?;
        let log = fs::read_to_string(&log).unwrap_or_default();
        ensure!(
            !server.has_ended(),
            "the mail server ended (package python3-aiosmtpd?): {log}"
        );
        Ok(Self {
            server,
            port,
            folder: folder.to_owned(),
        })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, to be killed or paused.
    #[must_use]
    pub fn process(&self) -> &Kept {
        &self.server
    }

    /// All mails that it accepted, whole, in no order.
    ///
    /// # Errors
    ///
    /// When the maildir cannot be read.
    pub fn mails(&self) -> Result<Vec<String>> {
        let new = self.new_mails();
        if !new.exists() {
            return Ok(Vec::new()); // made with the first mail
        }
        fs::read_dir(&new)?
            .map(|entry| Ok(String::from_utf8_lossy(&fs::read(entry?.path())?).into_owned()))
            .collect()
    }

    /// The order ids that the mails are about, one for each mail, in no order.
    ///
    /// # Errors
    ///
    /// When the maildir cannot be read.
    pub fn orders(&self) -> Result<Vec<String>> {
        let order = |mail: String| -> Result<String> {
            let line = mail.lines().find_map(|line| line.strip_prefix("order "));
            Ok(line
                .with_context(|| format!("a mail about no order: {mail}"))?
                .trim()
                .to_owned())
        };
        self.mails()?.into_iter().map(order).collect()
    }

    /// How many mails it accepted.
    ///
    /// # Errors
    ///
    /// When the maildir cannot be read.
    pub fn count(&self) -> Result<usize> {
        let new = self.new_mails();
        if new.exists() {
            Ok(fs::read_dir(new)?.count())
        } else {
            Ok(0)
        }
    }

    /// The part of a `channels.toml` that makes `name` a channel to this server.
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        format!(
            "[channel.{name}]\nsink = \"email\"\nhost = \"127.0.0.1\"\nport = {}\n\
             tls = \"none\"\nfrom = \"aldebaran@example.com\"\n\
             recipients = [\"trading-desk@example.com\"]\n",
            self.port
        )
    }

    fn new_mails(&self) -> PathBuf {
        self.folder.join(MAILDIR).join("new")
    }
}

fn greets(port: u16) -> bool {
    let greeting = || -> std::io::Result<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    greeting().is_ok_and(|line| line.starts_with("220"))
}
