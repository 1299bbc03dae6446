//! Lines of a file, however long, in bounded memory.

use std::io::{BufRead, ErrorKind, Result};

use memchr::{memchr, memrchr};
use trade::MAX_TRADE_BYTES;

/// Reads whole lines, as many as are there. A line that is longer than any trade may come out cut
/// just beyond that length, so that whoever reads it finds it too long.
pub(crate) struct Lines<R> {
    input: R,
    /// A line that the input's buffer did not hold whole.
    partial: Vec<u8>,
    /// Bytes of the input's buffer that were given out.
    used: usize,
    bytes: u64,
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

    /// The next whole lines with their newlines; `None` at the end. Does not wait for more than
    /// one line.
    pub(crate) fn next_lines(&mut self) -> Result<Option<&[u8]>> {
        self.input.consume(std::mem::take(&mut self.used));
        self.partial.clear();
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok((!self.partial.is_empty()).then_some(&self.partial));
            }
            if self.partial.is_empty()
                && let Some(last) = memrchr(b'\n', buffer)
            {
                self.used = last + 1;
                self.bytes += self.used as u64;
                return Ok(self.input.fill_buf()?.get(..=last));
            }
            let end = memchr(b'\n', buffer);
            let consumed = end.map_or(buffer.len(), |end| end + 1);
            let room = (MAX_TRADE_BYTES + 1).saturating_sub(self.partial.len());
            self.partial.extend(buffer.iter().take(consumed.min(room)));
            self.bytes += consumed as u64;
            self.input.consume(consumed);
            if end.is_some() {
                return Ok(Some(&self.partial));
            }
        }
    }
}

/// The single lines of [`Lines::next_lines`], without their newlines.
pub(crate) fn lines_of(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        Some(line)
    })
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
            while let Some(block) = lines.next_lines().unwrap() {
                found.extend(lines_of(block).map(|line| String::from_utf8(line.to_vec()).unwrap()));
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
