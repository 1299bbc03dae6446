//! A Debian 13 tree with RabbitMQ 4 in it, made once and kept in a cache folder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::geteuid;

use crate::error::{Error, doing};
use crate::folder::Folder;
use crate::kept::Kept;

/// debootstrap takes about 45 s where the mirror is near.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The tree's folder; made first if it is not there.
pub(crate) fn debian_13() -> Result<PathBuf, Error> {
    if !geteuid().is_root() {
        return Err(Error::NeedsRoot);
    }
    let tree = place()?;
    // One maker at a time in this process; what holds the lock cannot leave it in disorder.
    static MAKER: Mutex<()> = Mutex::new(());
    let _one = MAKER.lock().unwrap_or_else(PoisonError::into_inner);
    if !tree.exists() {
        make(&tree)?;
    }
    Ok(tree)
}

fn place() -> Result<PathBuf, Error> {
    if let Some(tree) = env::var_os("ALDEBARAN_DEBIAN_13") {
        return Ok(tree.into());
    }
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .map(|cache| cache.join("aldebaran/debian-13"))
        .ok_or_else(|| Error::Tree {
            tree: "debian-13".into(),
            reason: "neither ALDEBARAN_DEBIAN_13 nor HOME says where".to_owned(),
        })
}

/// Makes the tree beside its place and then renames it, so that a tree that exists is whole and
/// two makers do no harm to each other.
fn make(tree: &Path) -> Result<(), Error> {
    let beside = |ending: &str| {
        let mut name = tree.as_os_str().to_owned();
        name.push(format!(".{}{ending}", process::id()));
        PathBuf::from(name)
    };
    let (unfinished, log) = (beside(""), beside(".log"));
    if let Some(parent) = tree.parent() {
        fs::create_dir_all(parent).map_err(doing(format!("make {}", parent.display())))?;
    }
    // In a mount namespace of its own, so that nothing of what debootstrap mounts is left behind.
    let command: Vec<OsString> = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "debootstrap",
        "--variant=minbase",
    ]
    .into_iter()
    .chain(["--include=rabbitmq-server", "trixie"])
    .map(OsString::from)
    .chain([unfinished.clone().into()])
    .chain(env::var_os("ALDEBARAN_DEBIAN_MIRROR"))
    .collect();
    let environment: Vec<_> = env::vars_os().collect();
    let _removed = Folder::at(&unfinished).map_err(doing("start a shell"))?;
    let debootstrap =
        Kept::start(&command, &environment, &log).map_err(doing("start debootstrap"))?;
    // debootstrap removes its own folder in the tree as its last step.
    let whole = debootstrap.wait(PATIENCE)
        && unfinished.join("usr/lib/rabbitmq").is_dir()
        && !unfinished.join("debootstrap").exists();
    if !whole {
        let said = fs::read_to_string(&log).unwrap_or_default();
        return Err(Error::Tree {
            tree: tree.to_owned(),
            reason: format!(
                "debootstrap did not finish: {}; it needs the package debootstrap and a Debian \
                 mirror (ALDEBARAN_DEBIAN_MIRROR); all it said is in {}",
                said.lines().last().unwrap_or("it said nothing"),
                log.display()
            ),
        });
    }
    // The log of a success is of no use to anybody.
    let _ = fs::remove_file(&log);
    match fs::rename(&unfinished, tree) {
        Err(_) if tree.exists() => Ok(()), // another maker was quicker
        renamed => renamed.map_err(doing(format!("rename {}", unfinished.display()))),
    }
}
