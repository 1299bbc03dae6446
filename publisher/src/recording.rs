//! Recorded trades: a file or standard input, one JSON object a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use program::Fault;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use trade::{Trade, Unreadable, read, read_recorded, shard_of, without_byte_order_mark};

/// The longest line: as much as RabbitMQ takes in one message.
const LONGEST_LINE: u64 = 16 << 20;

/// Lines are handed over in blocks of up to this many and about this many bytes.
const BLOCK_LINES: usize = 256;
const BLOCK_BYTES: usize = 1 << 20;

/// Blocks that wait to be sent.
const BLOCKS_AHEAD: usize = 4;

/// A recorded line, whole, without its newline.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) kind: Kind,
    pub(crate) shard: u32,
    /// Microseconds since the epoch.
    pub(crate) time_us: Option<i64>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Purchase,
    /// No trade. It is sent all the same, to shard 0: it has no order id.
    Unreadable,
}

/// What a recording has to give.
pub(crate) enum Step {
    Line(Line),
    /// Nothing yet; [`Recording::arrived`] says when.
    Wait,
    End,
}

/// The lines of a file as they come. A thread reads ahead, so that a slow pipe holds up
/// nothing else.
pub(crate) struct Recording {
    blocks: Receiver<Result<Vec<Line>, Fault>>,
    block: std::vec::IntoIter<Line>,
    /// Came while waiting.
    arrived: Option<Result<Vec<Line>, Fault>>,
    ended: bool,
}

impl Recording {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path, shards: u32) -> Result<Self, Fault> {
        let file = if path == Path::new("-") {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            File::open(path)
        };
        let name = path.to_owned();
        let file =
            file.map_err(|error| Fault::Usage(format!("--file {}: {error}", path.display())))?;
        let (sender, blocks) = channel(BLOCKS_AHEAD);
        thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || read_blocks(file, &name, shards, &sender))?;
        Ok(Self {
            blocks,
            block: Vec::new().into_iter(),
            arrived: None,
            ended: false,
        })
    }

    pub(crate) fn next(&mut self) -> Result<Step, Fault> {
        loop {
            if let Some(line) = self.block.next() {
                return Ok(Step::Line(line));
            }
            if self.ended {
                return Ok(Step::End);
            }
            let block = match self.arrived.take() {
                Some(block) => block,
                None => match self.blocks.try_recv() {
                    Ok(block) => block,
                    Err(TryRecvError::Empty) => return Ok(Step::Wait),
                    Err(TryRecvError::Disconnected) => {
                        self.ended = true;
                        return Ok(Step::End);
                    }
                },
            };
            self.block = block?.into_iter();
        }
    }

    /// Waits until [`Recording::next`] has more to say than wait. Loses nothing if dropped.
    pub(crate) async fn arrived(&mut self) {
        if self.arrived.is_none() && !self.ended {
            self.arrived = self.blocks.recv().await;
            self.ended = self.arrived.is_none();
        }
    }
}

/// Reads to the end, or until nobody listens any more.
fn read_blocks(file: File, name: &Path, shards: u32, blocks: &Sender<Result<Vec<Line>, Fault>>) {
    let mut file = BufReader::with_capacity(BLOCK_BYTES, file);
    let mut number = 0;
    loop {
        let block = read_block(&mut file, name, shards, &mut number);
        let is_last = !matches!(&block, Ok(lines) if !lines.is_empty());
        if matches!(&block, Ok(lines) if lines.is_empty())
            || blocks.blocking_send(block).is_err()
            || is_last
        {
            return;
        }
    }
}

/// Reads a block: what is there at once, or the next line. Empty at the end.
fn read_block(
    file: &mut BufReader<File>,
    name: &Path,
    shards: u32,
    number: &mut u64,
) -> Result<Vec<Line>, Fault> {
    let mut lines = Vec::new();
    let mut bytes = 0;
    let mut line = Vec::new();
    while lines.is_empty()
        || (lines.len() < BLOCK_LINES && bytes < BLOCK_BYTES && file.buffer().contains(&b'\n'))
    {
        line.clear();
        let taken = file
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        match taken {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                let error = anyhow::Error::from(error);
                return Err(Fault::Failed(
                    error.context(format!("read {}", name.display())),
                ));
            }
        }
        *number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == LONGEST_LINE {
            return Err(Fault::Usage(format!(
                "{}:{number}: the line is longer than {LONGEST_LINE} bytes",
                name.display()
            )));
        }
        let line = match *number {
            1 => without_byte_order_mark(&line),
            _ => &line,
        };
        if !line.trim_ascii().is_empty() {
            bytes += line.len();
            lines.push(judge(line, shards));
        }
    }
    Ok(lines)
}

fn judge(bytes: &[u8], shards: u32) -> Line {
    let (trade, time_us) = match read_recorded(bytes) {
        Ok((trade, time_us)) => (Ok(trade), time_us),
        // On the way through a broker the field means nothing.
        Err(Unreadable::Time) => (read(bytes), None),
        Err(error) => (Err(error), None),
    };
    let kind = match &trade {
        Ok(Trade::Request(_)) => Kind::Request,
        Ok(Trade::Purchase(_)) => Kind::Purchase,
        Err(_) => Kind::Unreadable,
    };
    Line {
        bytes: bytes.into(),
        kind,
        shard: trade.map_or(0, |trade| shard_of(trade.order_id(), shards)),
        time_us,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines_of(content: &[u8]) -> Result<Vec<Line>, Fault> {
        let (reader, mut writer) = io::pipe().unwrap();
        let content = content.to_vec();
        let writing = thread::spawn(move || {
            let _ = writer.write_all(&content);
        });
        let mut file = BufReader::new(File::from(std::os::fd::OwnedFd::from(reader)));
        let mut number = 0;
        let mut all = Vec::new();
        loop {
            let block = read_block(&mut file, Path::new("trades"), 4, &mut number)?;
            if block.is_empty() {
                drop(file);
                writing.join().unwrap();
                return Ok(all);
            }
            all.extend(block);
        }
    }

    #[test]
    fn lines_are_kept_as_they_are_and_blank_ones_are_passed_over() {
        let request = br##"{"id":"1","#shares":100,"client":"c","stock":"s","time":7}"##;
        let purchase =
            br##" {"id":"2","initial_order_id":"1","#shares":1,"client":"c","stock":"s"}"##;
        let odd = b"\xff not JSON\r";
        let lines =
            lines_of(&[&request[..], b"\n\r\n  \n", &purchase[..], b"\n", &odd[..]].concat())
                .unwrap();
        let found: Vec<_> = lines
            .iter()
            .map(|line| (&line.bytes[..], line.kind))
            .collect();
        assert_eq!(
            found,
            [
                (&request[..], Kind::Request),
                (&purchase[..], Kind::Purchase),
                (&odd[..], Kind::Unreadable),
            ]
        );
        assert_eq!(lines[0].time_us, Some(7));
        assert_eq!(lines[0].shard, lines[1].shard);
        assert_eq!(lines[2].shard, 0);
    }

    #[test]
    fn a_byte_order_mark_at_the_start_is_no_part_of_the_first_trade() {
        let request = br##"{"id":"1","#shares":100,"client":"c","stock":"s"}"##;
        let marked = [b"\xef\xbb\xbf", &request[..], b"\n\xef\xbb\xbf"].concat();
        let lines = lines_of(&marked).unwrap();
        assert_eq!(
            (&lines[0].bytes[..], lines[0].kind),
            (&request[..], Kind::Request)
        );
        assert_eq!(lines[1].kind, Kind::Unreadable);
    }

    #[test]
    fn a_line_beyond_all_bounds_is_named() {
        let mut content = b"short\n".to_vec();
        content.resize(content.len() + (LONGEST_LINE as usize) + 1, b'x');
        match lines_of(&content) {
            Err(Fault::Usage(message)) => assert!(message.starts_with("trades:2:"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
