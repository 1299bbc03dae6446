//! What stands in the write-ahead log has to go into the file itself, which takes two fsyncs and
//! a write for each page. A thread of its own does that, so that no request waits for it. It
//! never gets to the end while the writer goes on, and only then does the log begin anew: once it
//! has grown large, the writer does the little that is left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

/// Commits between two rounds of the thread. Few, because a round's own fsync holds up the
/// commit that meets it, and with a large ledger nearly each alert changes a page of its own.
const COMMITS: u64 = 16;
/// Pages of 4 KiB in the log at which the writer lends a hand.
const LARGE: i64 = 16_384;

/// The thread, as the writer knows it.
pub(super) struct Checkpoints {
    commits: u64,
    /// Pages in the log when it was last looked at.
    pages: Arc<AtomicI64>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// `own` is a connection for the thread alone, `writer` the one that writes.
    pub(super) fn start(own: Connection, writer: &Connection) -> Result<Self, String> {
        writer
            .pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(|error| error.to_string())?;
        let pages = Arc::new(AtomicI64::new(0));
        let (wake, woken) = sync_channel(1);
        let seen = Arc::clone(&pages);
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || run(&own, &woken, &seen))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            commits: 0,
            pages,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// After each commit, by the writer.
    pub(super) fn committed(&mut self, writer: &Connection) {
        self.commits += 1;
        if !self.commits.is_multiple_of(COMMITS) {
            return;
        }
        if self.pages.load(Ordering::Relaxed) > LARGE {
            // Busy when the thread is at it: then the next time.
            if let Ok(pages) = checkpoint(writer) {
                self.pages.store(pages, Ordering::Relaxed);
            }
        } else if let Some(wake) = &self.wake {
            let _is_awake = wake.try_send(());
        }
    }
}

/// The file's last connection must be the writer's, which tidies up.
impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(own: &Connection, woken: &Receiver<()>, pages: &AtomicI64) {
    while woken.recv().is_ok() {
        match checkpoint(own) {
            Ok(left) => pages.store(left, Ordering::Relaxed),
            // The writer meets what is wrong with the disk.
            Err(error) => tracing::debug!("no checkpoint: {error}"),
        }
    }
}

/// Moves what it can without making anybody wait. Gives the pages that the log holds on to.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(if pages == moved { 0 } else { pages })
    })
}
