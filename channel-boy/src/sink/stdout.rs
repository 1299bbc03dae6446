//! One JSON line per alert on standard output.
//!
//! | what happens | outcome |
//! |---|---|
//! | the whole line is written | delivered: the operating system has it |
//! | an error before the first byte of the line | not taken |
//! | an error inside the line | unknown |

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::{Answer, Built, Kind, Letter, Sink, Threshold};
use crate::config::Section;

pub(crate) const KIND: Kind = Kind {
    name: "stdout",
    build,
};

/// A reader that does not read is waited for this long.
const PATIENCE: Duration = Duration::from_secs(600);

struct Stdout {
    /// Without the buffer of std's own handle: what `write` returns has left the process.
    file: Arc<Mutex<File>>,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let file = match io::stdout().as_fd().try_clone_to_owned() {
        Ok(file) => File::from(file),
        Err(error) => {
            section.problem("sink", &format!("cannot use standard output: {error}"));
            return None;
        }
    };
    Some(Built {
        sink: Box::new(Stdout {
            file: Arc::new(Mutex::new(file)),
        }),
        recipients: vec!["stdout".to_owned()],
    })
}

impl Sink for Stdout {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            // The alert as it came, unless somebody wrote it on several lines.
            let mut line = match letter.payload.iter().any(|b| matches!(b, b'\n' | b'\r')) {
                true => letter.alert.to_json(),
                false => letter.payload.to_vec(),
            };
            line.push(b'\n');
            let file = Arc::clone(&self.file).lock_owned().await;
            let begun = match threshold.begin().await {
                Ok(begun) => begun,
                Err(answer) => return answer,
            };
            begun.cross();
            let written = tokio::task::spawn_blocking(move || {
                let mut file = file;
                write_line(&mut *file, &line)
            });
            written
                .await
                .unwrap_or_else(|error| Answer::Unknown(error.to_string()))
        })
    }

    fn longest_attempt(&self) -> Duration {
        PATIENCE
    }
}

fn write_line(out: &mut impl Write, line: &[u8]) -> Answer {
    let mut written = 0;
    while written < line.len() {
        match out.write(&line[written..]) {
            Ok(bytes) if bytes > 0 => written += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            failed => {
                let why = failed
                    .err()
                    .map_or("it takes no more".to_owned(), |e| e.to_string());
                let why = format!("standard output: {why}, {written} bytes written");
                return match written {
                    0 => Answer::not_taken(why),
                    _ => Answer::Unknown(why),
                };
            }
        }
    }
    Answer::Delivered("written".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, three at a time, and then fails.
    struct Until(usize);

    impl Write for Until {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0).min(3);
            self.0 -= taken;
            match taken {
                0 => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Ok(taken),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_outcome_is_told_apart() {
        let line = b"{\"a\":1}\n";
        assert!(matches!(
            write_line(&mut Until(8), line),
            Answer::Delivered(_)
        ));
        assert!(matches!(
            write_line(&mut Until(7), line),
            Answer::Unknown(_)
        ));
        assert!(matches!(
            write_line(&mut Until(1), line),
            Answer::Unknown(_)
        ));
        assert!(matches!(
            write_line(&mut Until(0), line),
            Answer::NotTaken { .. }
        ));
        assert!(matches!(
            write_line(&mut Vec::new(), line),
            Answer::Delivered(_)
        ));
    }
}
