//! The two RabbitMQ releases that a private broker can run.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::tree;

/// Which RabbitMQ to run: both ends of the supported range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Release {
    /// What this machine has below `/usr/lib/rabbitmq`: 3.10 on Debian 12. Needs no root.
    #[default]
    Installed,
    /// RabbitMQ 4 out of a Debian 13 tree, which debootstrap makes once in the user's cache
    /// folder (about 45 s, 370 MB), or in the folder that `ALDEBARAN_DEBIAN_13` names. Needs
    /// root. `ALDEBARAN_DEBIAN_MIRROR` names another mirror than debootstrap's own.
    Debian13,
}

/// A release that was found, and how to run something out of it.
#[derive(Debug)]
pub(crate) struct Installation {
    /// The tree to `chroot` into; nothing for what is installed.
    tree: Option<PathBuf>,
    /// `.../rabbitmq_server-VERSION/sbin/rabbitmq-server`, as seen from inside the tree.
    server: PathBuf,
}

impl Installation {
    pub(crate) fn find(release: Release) -> Result<Self, Error> {
        let tree = match release {
            Release::Installed => None,
            Release::Debian13 => Some(tree::debian_13()?),
        };
        let server = server_below(tree.as_deref().unwrap_or(Path::new("/")))?;
        Ok(Self { tree, server })
    }

    /// Where the program sees `folder`, which lies outside of the tree.
    pub(crate) fn inside(&self, folder: &Path) -> PathBuf {
        match self.tree {
            None => folder.to_owned(),
            Some(_) => PathBuf::from("/mnt"),
        }
    }

    /// The command line of the node, whose data lie in `folder`.
    pub(crate) fn server(&self, folder: &Path) -> Vec<OsString> {
        self.command(folder, &[self.server.clone().into()])
    }

    /// The command line of an epmd on `port`.
    pub(crate) fn epmd(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let port = port.to_string();
        self.command(
            folder,
            &["epmd", "-address", "127.0.0.1", "-port", &port].map(OsString::from),
        )
    }

    fn command(&self, folder: &Path, program: &[OsString]) -> Vec<OsString> {
        let Some(tree) = &self.tree else {
            return program.to_vec();
        };
        // The mounts live in a namespace of their own: they vanish with the last process in it,
        // so there is nothing to unmount, and two nodes can use one tree.
        const ENTER: &str = "tree=$1 folder=$2; shift 2; \
            mount --rbind /proc \"$tree/proc\"; mount --rbind /dev \"$tree/dev\"; \
            mount --bind \"$folder\" \"$tree/mnt\"; exec chroot \"$tree\" \"$@\"";
        let enter = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            ENTER,
            "enter",
        ];
        enter
            .into_iter()
            .map(OsString::from)
            .chain([tree.into(), folder.into()])
            .chain(program.iter().cloned())
            .collect()
    }
}

/// The newest `rabbitmq-server` script below `root`, as seen from inside of it. The one in
/// `sbin`, not Debian's wrapper: the wrapper switches the user.
fn server_below(root: &Path) -> Result<PathBuf, Error> {
    const LIBRARY: &str = "usr/lib/rabbitmq/lib";
    let releases = fs::read_dir(root.join(LIBRARY))
        .into_iter()
        .flatten()
        .flatten();
    releases
        .map(|entry| {
            Path::new("/")
                .join(LIBRARY)
                .join(entry.file_name())
                .join("sbin/rabbitmq-server")
        })
        .filter(|server| {
            root.join(server.strip_prefix("/").unwrap_or(server))
                .is_file()
        })
        .max()
        .ok_or_else(|| Error::NotInstalled {
            server: "a RabbitMQ release",
            below: root.join(LIBRARY),
            package: "rabbitmq-server",
        })
}
