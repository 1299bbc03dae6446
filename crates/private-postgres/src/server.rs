//! The server itself: start, stop, kill, start again.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use private_broker::{Error, Folder, Kept, doing, free_port, write_certificates};

use crate::account::{as_account, give};
use crate::database::Database;
use crate::installation::{Installation, output};

pub(crate) const OWNER: &str = "aldebaran";
/// A word that tests can search for where no password may ever stand.
pub(crate) const PASSWORD: &str = "secret-of-postgres";

/// A server is up in half a second; a machine that is busy compiling may need much longer.
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A PostgreSQL server of one's own, with TLS and a password. Dropping it kills the server and
/// removes its folder.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Dropped in this order: the server first, the folder last.
    server: Option<Kept>,
    folder: Folder,
    installation: Installation,
    port: u16,
    databases: AtomicU32,
}

impl PrivatePostgres {
    /// Makes a cluster in a new folder below the system's temporary folder, starts its server on
    /// a free port, and returns when it answers. About 2 s.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed, a file cannot be written, or the server does not come
    /// up within two minutes; then with the end of its log.
    pub fn start() -> Result<Self, Error> {
        let installation = Installation::find()?;
        let folder = Folder::temporary("aldebaran-postgres-")
            .map_err(doing("make a folder for the server"))?;
        let port = free_port().map_err(doing("find a free port"))?;
        make_cluster(&installation, folder.path())?;
        let mut server = Self {
            server: None,
            folder,
            installation,
            port,
            databases: AtomicU32::new(0),
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server again after [`stop`](Self::stop) or [`kill`](Self::kill), in the same
    /// folder and on the same port, and waits until it answers. One that still runs is killed.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.server = None;
        let deadline = Instant::now() + START_PATIENCE;
        let reason = loop {
            let server = self.run()?;
            if self.comes_up(&server, deadline) {
                self.server = Some(server);
                return Ok(());
            }
            if Instant::now() >= deadline {
                break format!("it did not answer within {} s", START_PATIENCE.as_secs());
            }
            // After a kill its former children take a moment to see that it is gone; until
            // then a new server refuses to start.
            if !self.log_excerpt().contains("still in use") {
                break "it ended by itself".to_owned();
            }
            thread::sleep(Duration::from_millis(50));
        };
        Err(Error::Start {
            server: "PostgreSQL",
            reason,
            log: self.log_excerpt(),
        })
    }

    /// Stops the server in an orderly way. Its data stay.
    ///
    /// # Errors
    ///
    /// When the system refuses a signal.
    pub fn stop(&mut self) -> Result<(), Error> {
        if let Some(server) = self.server.take() {
            // Its "fast" stop; SIGTERM would wait for sessions, which may be idle.
            server.interrupt().map_err(doing("stop the server"))?;
            let _orderly = server.wait(STOP_PATIENCE);
        }
        Ok(())
    }

    /// Kills the server at once (SIGKILL). What it has on disk stays.
    ///
    /// # Errors
    ///
    /// When the system refuses the signal.
    pub fn kill(&mut self) -> Result<(), Error> {
        match self.server.take() {
            Some(server) => server.kill().map_err(doing("kill the server")),
            None => Ok(()),
        }
    }

    /// A fresh database; `label` becomes part of its name (letters, digits and `_` are kept).
    ///
    /// # Errors
    ///
    /// When the server refuses or is away.
    pub fn database(&self, label: &str) -> Result<Database, Error> {
        let kept = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        let label: String = label.to_lowercase().chars().filter(kept).collect();
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(&self.installation, self.port, format!("{label}_{number}"))
    }

    /// The certificate authority to trust for TLS: a PEM file.
    #[must_use]
    pub fn tls_authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn run(&self) -> Result<Kept, Error> {
        let log = self.log();
        let _ = fs::remove_file(&log); // of the run before, if there was one
        let command = [
            self.installation.program("postgres"),
            "-D".into(),
            data(self.folder.path()).into_os_string(),
            "-p".into(),
            self.port.to_string().into(),
        ];
        Kept::start(&as_account(command.to_vec()), &[], &log).map_err(doing("start the server"))
    }

    /// False when the server ended first, or the deadline came.
    fn comes_up(&self, server: &Kept, deadline: Instant) -> bool {
        let ready = [
            self.installation.program("pg_isready"),
            "--quiet".into(),
            "--host=127.0.0.1".into(),
            format!("--port={}", self.port).into(),
        ];
        while !server.has_ended() && Instant::now() < deadline {
            if output(&ready, &[], Path::new("/")).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(25));
        }
        false
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// The last lines that the server wrote.
    #[must_use]
    pub fn log_excerpt(&self) -> String {
        const LINES: usize = 20;
        let log = String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned();
        let skipped = log.lines().count().saturating_sub(LINES);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// A cluster that listens on the loopback interface alone and lets nobody in without a password.
fn make_cluster(installation: &Installation, folder: &Path) -> Result<(), Error> {
    let password = folder.join("password");
    fs::write(&password, PASSWORD).map_err(doing("write the password"))?;
    write_certificates(folder)?;
    give(folder)?;
    let mut initdb: Vec<OsString> = vec![installation.program("initdb")];
    initdb.extend(
        [
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        .map(Into::into),
    );
    initdb.extend(["--auth=scram-sha-256", "--username", OWNER, "--pwfile"].map(Into::into));
    initdb.extend([password.into_os_string(), "--pgdata".into()]);
    initdb.push(data(folder).into_os_string());
    output(&as_account(initdb), &[], Path::new("/"))?;
    let here = folder.display();
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nssl = on\n\
         ssl_cert_file = '{here}/server.pem'\nssl_key_file = '{here}/server.key'\n"
    );
    fs::write(data(folder).join("postgresql.auto.conf"), settings)
        .map_err(doing("write the server's settings"))?;
    give(folder)
}
