//! Folders that cannot outlive the process that made them.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Removes the folder when standard input ends. Whatever dies at the same moment may still write
/// there, so it tries again for a while.
const REMOVE_AT_THE_END: &str = "
read -r _
tries=0
while ! rm -rf -- \"$1\" 2>/dev/null && [ \"$tries\" -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done";

/// A folder that is removed with all that is in it when this value is dropped, and also when the
/// process that holds it panics, is interrupted or is killed with -9: see [`Kept`](crate::Kept)
/// for how.
#[derive(Debug)]
pub struct Folder {
    shell: Child,
    path: PathBuf,
}

impl Folder {
    /// Makes a new folder below the system's temporary folder, whose name begins with `prefix`.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or the shell that removes it cannot be started.
    pub fn temporary(prefix: &str) -> io::Result<Self> {
        Self::below(&std::env::temp_dir(), prefix)
    }

    /// Makes a new folder below another one.
    ///
    /// # Errors
    ///
    /// As [`temporary`](Self::temporary).
    pub fn below(parent: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let kept = Self::at(folder.path())?;
        let _ = folder.keep(); // from here on ours to remove
        Ok(kept)
    }

    /// Takes a path that is there or will be: whatever is there at the end is removed.
    ///
    /// # Errors
    ///
    /// When the shell that removes it cannot be started.
    pub fn at(path: &Path) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", REMOVE_AT_THE_END, "folder"])
            .arg(path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            shell,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done about a shell that cannot be waited for.
        let _ = self.shell.wait();
    }
}
