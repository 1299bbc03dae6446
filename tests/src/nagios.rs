//! A real Nagios 4 with its command file, and a real NSCA server in front of it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use private_broker::{Folder, Kept, free_port};
use rustix::process::geteuid;

use crate::counting::NSCA_PASSWORD;
use crate::wait::until;

/// What the two run as when the test runs as root.
const ACCOUNT: &str = "nobody";

/// A Nagios that knows the host `Sendence` with the volatile service `AAPL`, both passive, and
/// an NSCA server (method 1, [`NSCA_PASSWORD`]) that writes to its command file. Both end with
/// this value.
#[derive(Debug)]
pub struct PrivateNagios {
    // Dropped in this order: the folder last.
    _nagios: Kept,
    _nsca: Kept,
    folder: Folder,
    port: u16,
}

impl PrivateNagios {
    /// Starts both, out of the tree that `tests/packages.sh` unpacks.
    ///
    /// # Errors
    ///
    /// When the tree is not there, or one of them does not come up; then with what it said.
    pub fn start() -> Result<Self> {
        let folder = Folder::temporary("aldebaran-nagios-")?;
        let port = free_port()?;
        take_programs(&tree()?, folder.path())?;
        configure(folder.path(), port)?;
        let log = folder.path().join("nagios.out");
        let nagios = [
            folder.path().join("nagios4").into(),
            folder.path().join("nagios.cfg").into(),
        ];
        let nagios = Kept::start(&as_account(&nagios), &[], &log).context("start nagios")?;
        let log = folder.path().join("nsca.out");
        let nsca = [
            folder.path().join("nsca").into(),
            "-c".into(),
            folder.path().join("nsca.cfg").into(),
            "-f".into(),
        ];
        let libraries = [("LD_LIBRARY_PATH".into(), folder.path().into())];
        let nsca = Kept::start(&as_account(&nsca), &libraries, &log).context("start nsca")?;
        let private = Self {
            _nagios: nagios,
            _nsca: nsca,
            folder,
            port,
        };
        let is_pipe =
            |file: PathBuf| fs::metadata(file).is_ok_and(|file| file.file_type().is_fifo());
        until("Nagios reads its command file and NSCA listens", || {
            let listens = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            (is_pipe(private.command_file()) && listens).then_some(())
        })
        .with_context(|| private.read("nagios.out") + &private.read("nsca.out"))?;
        Ok(private)
    }

    /// Its command file.
    #[must_use]
    pub fn command_file(&self) -> PathBuf {
        self.folder.path().join("nagios.cmd")
    }

    /// The port of its NSCA server on 127.0.0.1.
    #[must_use]
    pub fn nsca(&self) -> u16 {
        self.port
    }

    /// A field of the service in Nagios's own status, as `plugin_output`.
    #[must_use]
    pub fn status(&self, field: &str) -> Option<String> {
        let status = self.read("status.dat");
        let (_, service) = status.split_once("servicestatus {")?;
        let (service, _) = service.split_once('}')?;
        let prefix = format!("{field}=");
        let mut lines = service.lines().map(str::trim);
        lines.find_map(|line| Some(line.strip_prefix(&prefix)?.to_owned()))
    }

    /// What Nagios notified its contact of, in its order: the service's output each.
    #[must_use]
    pub fn notified(&self) -> Vec<String> {
        self.read("notified").lines().map(str::to_owned).collect()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.read("nagios.log")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

/// Where `tests/packages.sh` unpacks the two.
fn tree() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let cache = cache.or_else(home).context("HOME says no folder")?;
    let tree = cache.join("aldebaran/nagios");
    let there = tree.join("usr/sbin/nagios4").is_file();
    ensure!(
        there,
        "no Nagios in {}: run tests/packages.sh test",
        tree.display()
    );
    Ok(tree)
}

/// Copies the programs to where a plain user can run them, with the library of NSCA.
fn take_programs(tree: &Path, folder: &Path) -> Result<()> {
    for program in ["nagios4", "nsca"] {
        fs::copy(tree.join("usr/sbin").join(program), folder.join(program))?;
    }
    for entry in fs::read_dir(tree.join("usr/lib"))? {
        let library = entry?.path().join("libmcrypt.so.4");
        if library.exists() {
            fs::copy(library, folder.join("libmcrypt.so.4"))?;
        }
    }
    Ok(())
}

fn configure(folder: &Path, port: u16) -> Result<()> {
    let here = folder.display().to_string();
    let write =
        |name: &str, text: &str| fs::write(folder.join(name), text.replace("FOLDER", &here));
    write("nagios.cfg", include_str!("nagios/nagios.cfg"))?;
    write("objects.cfg", include_str!("nagios/objects.cfg"))?;
    // The packaged configuration has allowed_hosts, which this release does not know.
    let nsca = format!(
        "server_address=127.0.0.1\nserver_port={port}\ncommand_file=FOLDER/nagios.cmd\n\
         alternate_dump_file=FOLDER/nsca.dump\npid_file=FOLDER/nsca.pid\n\
         password={NSCA_PASSWORD}\ndecryption_method=1\nmax_packet_age=30\n"
    );
    write("nsca.cfg", &nsca)?;
    fs::create_dir(folder.join("tmp"))?;
    fs::create_dir(folder.join("checkresults"))?;
    if geteuid().is_root() {
        let owner = format!("{ACCOUNT}:");
        let chown = Command::new("chown")
            .args(["-R", &owner])
            .arg(folder)
            .status()?;
        ensure!(chown.success(), "chown to {ACCOUNT}: {chown}");
    }
    Ok(())
}

/// The command line that runs `program` as a plain user.
fn as_account(program: &[OsString]) -> Vec<OsString> {
    if !geteuid().is_root() {
        return program.to_vec();
    }
    // A change of account forgets the parent's death signal, so it is asked for again.
    let words =
        format!("setpriv --reuid {ACCOUNT} --regid nogroup --clear-groups --pdeathsig KILL --");
    let become_it = words.split(' ').map(OsString::from);
    become_it.chain(program.iter().cloned()).collect()
}
