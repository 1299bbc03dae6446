//! An input that is read in a thread of its own, so that whoever waits for it can be stopped.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Bytes read at a time, and how many such pieces may wait.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNKS_AHEAD: usize = 4;

/// How often somebody who waits looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a thread has read. Ends with the input, or soon after `stop` is cancelled.
pub(crate) struct Chunks {
    read: Receiver<io::Result<Piece>>,
    /// Takes back what is used up, to be read into again: to get new memory and clear it costs about
    /// as much as to read.
    used_up: SyncSender<Vec<u8>>,
    current: Piece,
    used: usize,
    stop: CancellationToken,
}

/// Memory that was read into, and how much of it.
#[derive(Default)]
struct Piece {
    memory: Vec<u8>,
    length: usize,
}

impl Chunks {
    /// Begins to read.
    pub(crate) fn of(mut input: impl Read + Send + 'static, stop: CancellationToken) -> Self {
        let (send, read) = sync_channel(CHUNKS_AHEAD);
        let (used_up, to_read_into) = sync_channel::<Vec<u8>>(CHUNKS_AHEAD);
        thread::spawn(move || {
            loop {
                let mut memory = to_read_into.try_recv().unwrap_or_default();
                memory.resize(CHUNK_BYTES, 0);
                let piece = match input.read(&mut memory) {
                    Ok(0) => return,
                    Ok(length) => Ok(Piece { memory, length }),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = piece.is_err();
                if send.send(piece).is_err() || failed {
                    return;
                }
            }
        });
        Chunks {
            read,
            used_up,
            current: Piece::default(),
            used: 0,
            stop,
        }
    }

    fn wait(&mut self) -> io::Result<Piece> {
        while !self.stop.is_cancelled() {
            match self.read.recv_timeout(LOOK_EVERY) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(Piece::default())
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.current.length {
            let next = self.wait()?;
            let used_up = std::mem::replace(&mut self.current, next);
            self.used = 0;
            // The first of all is empty; and the thread has ended before the last ones.
            let _ = self.used_up.try_send(used_up.memory);
        }
        let Piece { memory, length } = &self.current;
        Ok(memory.get(self.used..*length).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.used += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_input_comes_out() {
        let text = "abc\n".repeat(1_000_000);
        let input = io::Cursor::new(text.clone().into_bytes());
        let mut read = String::new();
        Chunks::of(input, CancellationToken::new())
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn an_input_that_never_comes_can_be_stopped() {
        let (reader, _writer) = io::pipe().unwrap();
        let stop = CancellationToken::new();
        let mut chunks = Chunks::of(reader, stop.clone());
        stop.cancel();
        assert_eq!(chunks.fill_buf().unwrap(), b"");
    }
}
