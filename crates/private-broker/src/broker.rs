//! The node itself: start, stop, kill, start again.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::certificate::{answers_tls, write_certificates};
use crate::configuration::{self, Ports};
use crate::error::{Error, doing};
use crate::folder::Folder;
use crate::kept::Kept;
use crate::management::Management;
use crate::release::{Installation, Release};
use crate::vhost::Vhost;

/// A node is up in 3 to 4 s; a machine that is busy compiling may need much longer.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// An orderly stop takes about 3 s.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// What the node should be able to do.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which RabbitMQ.
    pub release: Release,
    /// With the management plugin, which [`PrivateBroker::vhost`] needs; it makes the start about
    /// half a second longer and collects statistics all the time.
    pub management: bool,
    /// With a TLS listener besides the plain one, and a certificate authority made for it.
    pub tls: bool,
    /// What it should do otherwise than by default: parameters of the Erlang application
    /// `rabbit`, as in `{consumer_timeout, 3000}, {channel_max, 20}`.
    pub rabbit: &'static str,
    /// Plugins besides those that the above need, as `rabbitmq_federation`.
    pub plugins: &'static [&'static str],
    /// Below which folder the quorum queues keep their logs, in a folder of this node's own that
    /// goes with it; with everything else if `None`. Only for [`Release::Installed`]: the other one
    /// sees nothing but its tree.
    pub quorum_below: Option<PathBuf>,
}

/// A RabbitMQ node of one's own. Dropping it kills the node and removes its folder.
#[derive(Debug)]
pub struct PrivateBroker {
    // Dropped in this order: the node first, the folders last.
    node: Option<Kept>,
    _epmd: Kept,
    folder: Folder,
    _quorum: Option<Folder>,
    ports: Ports,
    server: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl PrivateBroker {
    /// Starts a node in a new folder below the system's temporary folder, on free ports, and
    /// returns when it answers AMQP, and TLS if asked for. The caller should not be in a hurry: 3 to 4 s.
    ///
    /// # Errors
    ///
    /// When there is no such release, a file cannot be written, or the node does not come up
    /// within two minutes; then with the end of its log.
    pub fn start(settings: &Settings) -> Result<Self, Error> {
        let installation = Installation::find(settings.release)?;
        let folder =
            Folder::temporary("aldebaran-broker-").map_err(doing("make a folder for the node"))?;
        let quorum = settings.quorum_below.as_deref().map(|below| {
            quorum_folder(below, settings.release)
                .map_err(doing(format!("make a folder below {}", below.display())))
        });
        let quorum = quorum.transpose()?;
        let ports = Ports::choose(settings).map_err(doing("find free ports"))?;
        let inside = installation.inside(folder.path());
        configuration::write(folder.path(), &inside, &ports, settings)
            .map_err(doing(format!("write below {}", folder.path().display())))?;
        if settings.tls {
            write_certificates(folder.path())?;
        }
        let node_name = format!("private-{}@localhost", ports.amqp);
        let mut environment = configuration::environment(&inside, &node_name, &ports);
        if let Some(quorum) = &quorum {
            environment.push(("RABBITMQ_QUORUM_DIR".into(), quorum.path().into()));
        }
        let epmd = Kept::start(
            &installation.epmd(folder.path(), ports.epmd),
            &environment,
            &folder.path().join("epmd.out"),
        )
        .map_err(doing("start epmd"))?;
        let mut broker = Self {
            node: None,
            _epmd: epmd,
            server: installation.server(folder.path()),
            folder,
            _quorum: quorum,
            ports,
            environment,
        };
        broker.start_again()?;
        Ok(broker)
    }

    /// Starts the node again after [`stop`](Self::stop) or [`kill`](Self::kill), in the same
    /// folder and on the same ports, and waits until it answers. A node that still runs is killed.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.node = None;
        let log = self.printed();
        let _ = fs::remove_file(&log); // of the run before, if there was one
        let node =
            Kept::start(&self.server, &self.environment, &log).map_err(doing("start the node"))?;
        let deadline = Instant::now() + START_PATIENCE;
        let reason = loop {
            if answers_amqp(self.ports.amqp) && self.ports.amqps.is_none_or(answers_tls) {
                self.node = Some(node);
                return Ok(());
            }
            if node.has_ended() {
                break "it ended by itself".to_owned();
            }
            if Instant::now() >= deadline {
                break format!("it did not answer within {} s", START_PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(25));
        };
        Err(Error::Start {
            server: "RabbitMQ node",
            reason,
            log: self.log_excerpt(),
        })
    }

    /// Stops the node in an orderly way, which takes about 3 s, and kills it if that takes longer
    /// than 15 s. Its data stay.
    ///
    /// # Errors
    ///
    /// When the system refuses a signal.
    pub fn stop(&mut self) -> Result<(), Error> {
        if let Some(node) = self.node.take() {
            node.terminate().map_err(doing("stop the node"))?;
            let _orderly = node.wait(STOP_PATIENCE);
        }
        Ok(())
    }

    /// Kills the node at once (SIGKILL). What it has on disk stays.
    ///
    /// RabbitMQ 3.10 writes its schema in the background: bindings declared up to about a second
    /// before are gone when it starts again (measured: all four of a super stream after 0.3 s,
    /// none after 1 s). A quorum queue declared up to half a second before comes back without its
    /// log and its confirmed messages, and never elects a leader: Ra's directory of logs
    /// (`names.dets`) is saved every 500 ms, and what its write-ahead log holds for a queue that
    /// is not in there is skipped. Messages confirmed by older queues are kept.
    ///
    /// # Errors
    ///
    /// When the system refuses the signal.
    pub fn kill(&mut self) -> Result<(), Error> {
        match self.node.take() {
            Some(node) => node.kill().map_err(doing("kill the node")),
            None => Ok(()),
        }
    }

    /// Freezes the node (SIGSTOP): its sockets stay open and nobody answers.
    ///
    /// # Errors
    ///
    /// When the system refuses the signal.
    pub fn pause(&self) -> Result<(), Error> {
        self.node
            .as_ref()
            .map_or(Ok(()), Kept::pause)
            .map_err(doing("pause the node"))
    }

    /// Lets a frozen node go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the system refuses the signal.
    pub fn resume(&self) -> Result<(), Error> {
        self.node
            .as_ref()
            .map_or(Ok(()), Kept::resume)
            .map_err(doing("resume the node"))
    }

    /// A fresh vhost with two users; `label` becomes part of its name. About 40 ms.
    ///
    /// # Errors
    ///
    /// Without [`Settings::management`], or when the management API refuses.
    pub fn vhost(&self, label: &str) -> Result<Vhost, Error> {
        Vhost::create(
            &self.management()?,
            (self.ports.amqp, self.ports.amqps),
            label,
        )
    }

    /// The management API.
    ///
    /// # Errors
    ///
    /// Without [`Settings::management`].
    pub fn management(&self) -> Result<Management, Error> {
        self.ports
            .management
            .map(Management::new)
            .ok_or(Error::NoManagement)
    }

    /// The AMQP URL of the default vhost and the default user, who is an administrator.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// The same over TLS, if it was asked for. The certificate is for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn tls_url(&self) -> Option<String> {
        self.ports
            .amqps
            .map(|port| format!("amqps://guest:guest@localhost:{port}/%2f"))
    }

    /// The management API over TLS, if both were asked for. It lets nobody in who does not show
    /// a certificate: see [`client_certificate`](Self::client_certificate).
    #[must_use]
    pub fn tls_management_url(&self) -> Option<String> {
        self.ports
            .https
            .map(|port| format!("https://guest:guest@localhost:{port}/"))
    }

    /// A client's certificate of the authority, and its key: PEM files.
    #[must_use]
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        let file = |name: &str| self.folder.path().join(name);
        (file("client.pem"), file("client.key"))
    }

    /// The certificate authority to trust for [`tls_url`](Self::tls_url): a PEM file.
    #[must_use]
    pub fn tls_authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The AMQP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The process id of the node, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.node.as_ref().map(Kept::id)
    }

    /// The node's folder: configuration, data and logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the node printed and logged, cut down to what explains a failure: the first errors,
    /// because of a chain of Erlang reports the first says why, or else the last lines.
    #[must_use]
    pub fn log_excerpt(&self) -> String {
        const LINES: usize = 20;
        let logs = fs::read_dir(self.folder.path().join("log"))
            .into_iter()
            .flatten()
            .flatten();
        let log: String = logs
            .map(|entry| entry.path())
            .chain([self.printed()])
            .filter_map(|file| fs::read(file).ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect();
        let errors: Vec<_> = log
            .lines()
            .filter(|line| line.contains("[error]"))
            .take(LINES)
            .collect();
        let end = || {
            log.lines()
                .skip(log.lines().count().saturating_sub(LINES))
                .collect()
        };
        let lines: Vec<_> = if errors.is_empty() { end() } else { errors };
        lines.join("\n")
    }

    fn printed(&self) -> PathBuf {
        self.folder.path().join("node.out")
    }
}

fn quorum_folder(below: &Path, release: Release) -> io::Result<Folder> {
    if release != Release::Installed {
        let why = "only an installed release can keep its quorum queues elsewhere";
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    Folder::below(below, "aldebaran-quorum-")
}

/// Whether a node says its Connection.Start: a listening port alone is too early.
fn answers_amqp(port: u16) -> bool {
    let moment = Duration::from_secs(2);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let hello = || -> std::io::Result<[u8; 1]> {
        let mut stream = TcpStream::connect_timeout(&address, moment)?;
        stream.set_read_timeout(Some(moment))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut frame_type = [0];
        stream.read_exact(&mut frame_type)?;
        Ok(frame_type)
    };
    const METHOD_FRAME: u8 = 1;
    hello().is_ok_and(|[frame_type]| frame_type == METHOD_FRAME)
}
