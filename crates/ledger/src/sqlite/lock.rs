//! One process per ledger file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

/// Held as long as it lives. The kernel releases it when the process ends, kill -9 included;
/// a stopped process (SIGSTOP) keeps it, as it must.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another process holds it; its pid, if it could be read.
    Held(Option<u32>),
    /// The lock file cannot be used.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock, without waiting, and leaves this process's id in it for others to name.
    pub(crate) fn take(path: &Path) -> Result<Self, Refused> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(Refused::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.take(32).read_to_string(&mut holder);
                return Err(Refused::Held(holder.trim().parse().ok()));
            }
            Err(error) => return Err(Refused::Io(error.into())),
        }
        let mut write_pid = || -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid().map_err(Refused::Io)?;
        Ok(Self { _file: file })
    }
}
