//! Where Debian puts PostgreSQL's programs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use private_broker::Error;

const RELEASES: &str = "/usr/lib/postgresql";

/// The programs of one release.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    programs: PathBuf,
}

impl Installation {
    /// The newest one.
    pub(crate) fn find() -> Result<Self, Error> {
        let number = |path: &Path| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
        fs::read_dir(RELEASES)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|release| release.join("bin/postgres").is_file())
            .max_by_key(|release| number(release))
            .map(|release| Self {
                programs: release.join("bin"),
            })
            .ok_or_else(not_installed)
    }

    /// The path of a program, as `initdb`.
    pub(crate) fn program(&self, name: &str) -> OsString {
        self.programs.join(name).into_os_string()
    }
}

fn not_installed() -> Error {
    Error::NotInstalled {
        server: "PostgreSQL",
        below: RELEASES.into(),
        package: "postgresql-15",
    }
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn output(
    command: &[OsString],
    environment: &[(&str, &str)],
    folder: &Path,
) -> Result<String, Error> {
    let (program, arguments) = command.split_first().ok_or_else(not_installed)?;
    let failed = |reason: String| Error::Command {
        command: command
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" "),
        reason,
    };
    let output = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
