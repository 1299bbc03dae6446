//! What a user would write instead, installed into an environment that is thrown away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tests::Start;

use crate::case::Subject;

/// Pathway alone brings 200 MB with it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Debian's own: the environment needs its `venv`.
const PYTHON: &str = "/usr/bin/python3";

/// The script of a peer, below `tests/peers`.
pub(crate) fn script(subject: Subject) -> &'static str {
    match subject {
        Subject::Bytewax => "bytewax_auditor.py",
        Subject::Pathway => "pathway_auditor.py",
        _ => "pika_auditor.py",
    }
}

/// The library that a case needs, if it is a peer.
pub(crate) fn library(subject: Subject) -> Option<&'static str> {
    match subject {
        Subject::Bytewax => Some("bytewax"),
        Subject::Pathway => Some("pathway"),
        Subject::Pika => Some("pika"),
        _ => None,
    }
}

/// The environment's interpreter.
pub(crate) fn python(folder: &Path) -> PathBuf {
    folder.join("peers/bin/python")
}

/// Installs each peer; gives those that could not be, and why.
pub(crate) fn install(folder: &Path) -> Result<Vec<(String, String)>> {
    let requirements = tests::repository("tests/peers/requirements.txt");
    let requirements = fs::read_to_string(requirements).context("read the peers' versions")?;
    let wanted: Vec<_> = requirements.split_whitespace().collect();
    let environment = folder.join("peers");
    let made = Start::new("venv", PYTHON, folder)
        .args(["-m", "venv"])
        .arg(environment);
    let made = made.start()?.finish(PATIENCE)?.successful();
    let mut absent = Vec::new();
    for requirement in wanted {
        let name = requirement.split("==").next().unwrap_or(requirement);
        let installed = match &made {
            Ok(_) => one(folder, requirement),
            Err(_) => Err("python3 cannot make an environment here".to_owned()),
        };
        if let Err(reason) = installed {
            absent.push((name.to_owned(), reason));
        }
    }
    Ok(absent)
}

fn one(folder: &Path, requirement: &str) -> Result<(), String> {
    let pip = Start::new("pip", python(folder), folder)
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--only-binary=:all:"])
        .arg(requirement);
    let done = pip.start().and_then(|pip| pip.finish(PATIENCE));
    let done = done.map_err(|_| "pip does not end".to_owned())?;
    if done.code == Some(0) {
        return Ok(());
    }
    // Its words name places of this machine, which do not belong into a report.
    eprintln!("{requirement} cannot be installed:\n{}", done.log.trim());
    Err("pip cannot install it here".to_owned())
}
