//! The reader of Nagios's command file: a named pipe, a command a line.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver};

use crate::Desk;

/// Makes the pipe if it is not there. As Nagios does, it is opened for writing too: it does not
/// end when a writer closes it.
pub(crate) fn open(path: &Path) -> Result<Receiver> {
    if !path.exists() {
        mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0)
            .with_context(|| format!("make {}", path.display()))?;
    }
    Ok(OpenOptions::new().read_write(true).open_receiver(path)?)
}

pub(crate) async fn read(pipe: Receiver, desk: Arc<Desk>) -> Result<()> {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        pipe.read_until(b'\n', &mut line).await?;
        let command = String::from_utf8_lossy(&line);
        desk.log.accept("command file", "", command.trim_end())?;
    }
}
