//! The account that the server runs as: PostgreSQL refuses to run as root.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use private_broker::{Error, doing};
use rustix::process::geteuid;

/// Made by Debian's package.
const ACCOUNT: &str = "postgres";

/// A command line that runs `program` as the server's account; itself for anybody but root.
pub(crate) fn as_account(program: Vec<OsString>) -> Vec<OsString> {
    if !geteuid().is_root() {
        return program;
    }
    // A change of account forgets the parent's death signal, so it is asked for again.
    let become_it = [
        "setpriv",
        "--reuid",
        ACCOUNT,
        "--regid",
        ACCOUNT,
        "--clear-groups",
        "--pdeathsig",
        "KILL",
        "--",
    ];
    become_it
        .into_iter()
        .map(OsString::from)
        .chain(program)
        .collect()
}

/// Gives the folder with all that is in it to the server's account.
pub(crate) fn give(folder: &Path) -> Result<(), Error> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let chown = Command::new("chown")
        .args(["-R", &format!("{ACCOUNT}:"), "--"])
        .arg(folder)
        .output()
        .map_err(doing("run chown"))?;
    if chown.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: "chown".to_owned(),
        reason: String::from_utf8_lossy(&chown.stderr).into_owned(),
    })
}
