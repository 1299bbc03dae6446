//! One JSON line per alert, appended to a file and on the disk before it counts.
//!
//! | what happens | outcome |
//! |---|---|
//! | the file cannot be opened; another process holds it for too long | not taken |
//! | the line is written and synced | delivered |
//! | the line is not written whole (a full disk) and is taken back | not taken |
//! | the line is not written whole and stays; it is written and cannot be synced | unknown |
//!
//! The file can be asked: a whole line with the alert's id proves that it was taken. A line that
//! a crash cut off proves nothing and is closed by a newline before the next.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::Mutex;

use super::{Answer, Built, Kind, Letter, Proof, Sink, Threshold};
use crate::{config::Section, wording::one_line};

pub(crate) const KIND: Kind = Kind {
    name: "file",
    build,
};

/// The recipient in the ledger: the file may move.
const RECIPIENT: &str = "file";

/// A disk that does not answer is waited for this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is read as one line; alerts are shorter by far.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Another process that appends to the file is done soon.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

struct Lines {
    path: PathBuf,
    /// One line at a time; between processes the file's own lock sees to it.
    turn: Arc<Mutex<()>>,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let path = section.required("path", "names the file to append to")?;
    if !Path::new(path).is_absolute() {
        section.problem("path", "must be an absolute path");
        return None;
    }
    Some(Built {
        sink: Box::new(Lines {
            path: path.into(),
            turn: Arc::default(),
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

impl Sink for Lines {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let (path, line) = (self.path.clone(), line(letter));
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let begun = match threshold.begin().await {
                Ok(begun) => begun,
                Err(answer) => return answer,
            };
            begun.cross();
            let written = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                append(&path, &line)
            });
            written
                .await
                .unwrap_or_else(|error| Answer::Unknown(error.to_string()))
        })
    }

    fn longest_attempt(&self) -> Duration {
        PATIENCE
    }

    fn can_ask(&self) -> bool {
        true
    }

    fn ask<'a>(&'a self, letter: &'a Letter<'a>) -> BoxFuture<'a, Proof> {
        Box::pin(async move {
            let (path, line) = (self.path.clone(), line(letter));
            let looked = tokio::task::spawn_blocking(move || has(&path, &line));
            match looked.await {
                Ok(Ok(true)) => Proof::Taken("the line is there".to_owned()),
                Ok(Ok(false)) => Proof::None("there is no such line".to_owned()),
                Ok(Err(error)) => Proof::None(error.to_string()),
                Err(error) => Proof::None(error.to_string()),
            }
        })
    }
}

/// The alert as it came, unless somebody wrote it on several lines.
fn line(letter: &Letter<'_>) -> Vec<u8> {
    let is_split = letter.payload.iter().any(|b| matches!(b, b'\n' | b'\r'));
    let mut line = match is_split {
        true => letter.alert.to_json(),
        false => letter.payload.to_vec(),
    };
    line.push(b'\n');
    line
}

fn append(path: &Path, line: &[u8]) -> Answer {
    let fault = |what: &str, error: &io::Error| one_line(&format!("{what}: {error}"), 200);
    let (mut file, at) = match open(path) {
        Ok(opened) => opened,
        Err(error) => return Answer::not_taken(fault("the file", &error)),
    };
    if let Err(error) = write(&mut file, at, line) {
        let why = fault("the line", &error);
        return match file.set_len(at).and_then(|()| file.sync_data()) {
            Ok(()) => Answer::not_taken(why),
            Err(_) => Answer::Unknown(why),
        };
    }
    match file.sync_data() {
        Ok(()) => Answer::Delivered("written and synced".to_owned()),
        Err(error) => Answer::Unknown(fault("the line is written, and", &error)),
    }
}

/// The file under a lock of its own, and its length. It is opened for each line, so that it may
/// be moved away at any time; its lock ends with it.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    lock(&file, FlockOperation::NonBlockingLockExclusive)?;
    if is_new && let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    let length = file.seek(SeekFrom::End(0))?;
    Ok((file, length))
}

fn lock(file: &File, operation: FlockOperation) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match flock(file, operation) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            done => return Ok(done?),
        }
    }
    Err(io::Error::other("another process keeps it locked"))
}

fn write(file: &mut File, at: u64, line: &[u8]) -> io::Result<()> {
    if at > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(at - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(line)
}

/// Whether the very line is there, newline and all.
fn has(path: &Path, line: &[u8]) -> io::Result<bool> {
    let file = File::open(path)?;
    lock(&file, FlockOperation::NonBlockingLockShared)?;
    let mut reader = BufReader::new(file);
    let mut read = Vec::new();
    loop {
        read.clear();
        match reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut read)?
        {
            0 => return Ok(false),
            _ if read == line => return Ok(true),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::samples;

    fn built(path: &Path) -> Built {
        samples::built(&format!("sink = 'file'\npath = '{}'", path.display()))
    }

    #[tokio::test]
    async fn each_alert_is_a_line_and_can_be_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let built = built(&path);
        let (one, two) = (samples::alert("1"), samples::alert("2"));
        for alert in [&one, &two] {
            let answer = samples::send(&built, alert).await;
            assert_eq!(answer.word(), "delivered", "{answer:?}");
        }
        let text = std::fs::read(&path).unwrap();
        let wanted = [one.to_json(), b"\n".to_vec(), two.to_json(), b"\n".to_vec()].concat();
        assert_eq!(text, wanted);
        for (alert, is_there) in [(&one, true), (&two, true), (&samples::alert("3"), false)] {
            let payload = alert.to_json();
            let letter = samples::letter(&built, alert, &payload);
            let proof = built.sink.ask(&letter).await;
            assert_eq!(matches!(proof, Proof::Taken(_)), is_there, "{proof:?}");
        }
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_proves_nothing_and_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let (one, two) = (samples::alert("1"), samples::alert("2"));
        std::fs::write(&path, one.to_json()).unwrap();
        let built = built(&path);
        let payload = one.to_json();
        let proof = built
            .sink
            .ask(&samples::letter(&built, &one, &payload))
            .await;
        assert!(
            matches!(proof, Proof::None(_)),
            "without its newline: {proof:?}"
        );
        samples::send(&built, &two).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with('\n'));
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let answer = samples::send(&built(folder.path()), &samples::alert("1")).await;
        assert_eq!(answer.word(), "not taken", "{answer:?}");
        let answer = samples::send(&built(Path::new("/dev/full")), &samples::alert("1")).await;
        assert_ne!(answer.word(), "delivered", "{answer:?}");
    }

    /// A lock is waited for a while, and then the alert is tried again.
    #[tokio::test]
    async fn a_file_that_another_process_keeps_locked_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let other = File::create(&path).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        let answer = samples::send(&built(&path), &samples::alert("1")).await;
        let Answer::NotTaken { why, .. } = answer else {
            panic!("{answer:?}");
        };
        assert!(why.contains("another process keeps it locked"), "{why}");
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let (built, alert) = (built(&path), samples::alert("1"));
        let sending = tokio::spawn(async move { samples::send(&built, &alert).await });
        drop(other);
        let answer = sending.await.unwrap();
        assert_eq!(answer.word(), "delivered", "{answer:?}");
    }
}
