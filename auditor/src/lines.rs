//! Lines of a file, however long, in bounded memory.

use std::io::{BufRead, ErrorKind, Result};

use crate::chunks::Chunks;
use memchr::memchr;
use trade::MAX_TRADE_BYTES;

/// Reads lines. A line that is longer than any trade comes out cut just beyond that length, so
/// that whoever reads it finds it too long.
pub(crate) struct Lines<R> {
    input: R,
    /// The start of a line that the input's buffer did not hold whole.
    partial: Vec<u8>,
    /// Bytes of the input's buffer that were given out.
    used: usize,
    bytes: u64,
}

impl Lines<Chunks> {
    /// Whether the next line would have to be waited for.
    pub(crate) fn would_wait(&mut self) -> bool {
        self.input.consume(std::mem::take(&mut self.used));
        self.input.would_wait()
    }
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn of(input: R) -> Self {
        Lines {
            input,
            partial: Vec::new(),
            used: 0,
            bytes: 0,
        }
    }

    /// How many bytes were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line without its newline; `None` at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>> {
        self.input.consume(std::mem::take(&mut self.used));
        self.partial.clear();
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = memchr(b'\n', buffer);
            let length = end.unwrap_or(buffer.len());
            let at_end_of_input = buffer.is_empty();
            if end.is_some() && self.partial.is_empty() {
                self.used = length + 1;
                self.bytes += self.used as u64;
                return Ok(self.input.fill_buf()?.get(..length));
            }
            let room = (MAX_TRADE_BYTES + 1).saturating_sub(self.partial.len());
            self.partial.extend(buffer.iter().take(length.min(room)));
            let consumed = length + usize::from(end.is_some());
            self.bytes += consumed as u64;
            self.input.consume(consumed);
            if end.is_some() || (at_end_of_input && !self.partial.is_empty()) {
                return Ok(Some(&self.partial));
            }
            if at_end_of_input {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_come_out_whole_whatever_the_buffer() {
        let long = "x".repeat(MAX_TRADE_BYTES + 100);
        let text = format!("a\n\nbcd\r\n{long}\nlast");
        for capacity in [1, 2, 3, 7, 64, 1 << 20] {
            let mut lines = Lines::of(BufReader::with_capacity(capacity, text.as_bytes()));
            let mut found = Vec::new();
            while let Some(line) = lines.next_line().unwrap() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            assert_eq!(found[..3], ["a", "", "bcd\r"]);
            // Whole when the buffer holds it, cut just beyond the limit otherwise.
            assert!(found[3].len() > MAX_TRADE_BYTES);
            assert_eq!(found[4], "last");
            assert_eq!(found.len(), 5);
            assert_eq!(lines.bytes(), text.len() as u64);
        }
    }
}
