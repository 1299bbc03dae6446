//! Nagios's command file: a named pipe that Nagios reads.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::OFlags;

use super::{Answer, CheckResult, Threshold};
use crate::config::Section;

/// Nothing here waits; a file system may.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What Linux writes into a pipe at once or not at all (PIPE_BUF).
const AT_ONCE: usize = 4096;

/// Where the pipe is.
pub(super) struct CommandFile {
    path: PathBuf,
}

pub(super) fn build(section: &mut Section<'_>) -> Option<CommandFile> {
    let path = section.required("command_file", "names Nagios's pipe (rw/nagios.cmd)")?;
    if !Path::new(path).is_absolute() {
        section.problem("command_file", "must be an absolute path");
        return None;
    }
    Some(CommandFile { path: path.into() })
}

impl CommandFile {
    pub(super) async fn send(&self, result: CheckResult, threshold: &Threshold) -> Answer {
        let path = self.path.clone();
        let begun = match threshold.begin().await {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        begun.cross();
        let written = tokio::task::spawn_blocking(move || write(&path, &line(&result)));
        written
            .await
            .unwrap_or_else(|error| Answer::Unknown(error.to_string()))
    }
}

/// An external command. The output comes last: what separates fields may stand in it.
fn line(result: &CheckResult) -> Vec<u8> {
    let CheckResult {
        host,
        service,
        state,
        output,
        time_s,
    } = result;
    let (host, service) = (name(host), name(service));
    let output = output.replace(['\n', '\r', '\0'], " ");
    let mut line =
        format!("[{time_s}] PROCESS_SERVICE_CHECK_RESULT;{host};{service};{state};{output}");
    while line.len() >= AT_ONCE {
        line.pop();
    }
    line.push('\n');
    line.into_bytes()
}

/// A template may say what a field may not.
fn name(text: &str) -> String {
    text.replace([';', '\n', '\r', '\0'], "_")
}

fn write(path: &Path, line: &[u8]) -> Answer {
    let fault = |error: &io::Error| {
        let what = match error.kind() {
            ErrorKind::NotFound => "is not there: is Nagios running?",
            ErrorKind::WouldBlock => "is full: Nagios does not read it",
            ErrorKind::PermissionDenied => "may not be written by this user",
            _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                "has no reader: is Nagios running?"
            }
            _ => "cannot be written",
        };
        Answer::not_taken(format!("the command file {what} ({error})"))
    };
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let mut pipe = match opened {
        Ok(pipe) => pipe,
        Err(error) => return fault(&error),
    };
    // What is written to a plain file is read by nobody.
    if !pipe.metadata().is_ok_and(|m| m.file_type().is_fifo()) {
        return Answer::not_taken("the command file is no pipe");
    }
    match pipe.write(line) {
        Ok(bytes) if bytes == line.len() => {
            Answer::Delivered("the command file took the line".to_owned())
        }
        Ok(bytes) => Answer::Unknown(format!("only {bytes} bytes were written")),
        Err(error) => fault(&error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn result(service: &str, output: &str) -> CheckResult {
        CheckResult {
            host: "desk".to_owned(),
            service: service.to_owned(),
            state: 2,
            output: output.to_owned(),
            time_s: 1_435_276_800,
        }
    }

    #[test]
    fn a_result_is_one_line_of_five_fields() {
        let line = line(&result("a;b\nc", "x | y=1\n[0] SHUTDOWN_PROGRAM\n"));
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "[1435276800] PROCESS_SERVICE_CHECK_RESULT;desk;a_b_c;2;x | y=1 [0] SHUTDOWN_PROGRAM \n"
        );
    }

    #[test]
    fn a_line_is_written_at_once() {
        let line = line(&result("s", &"é".repeat(5000)));
        assert!(line.len() <= AT_ONCE && line.ends_with(b"\n"));
        assert!(String::from_utf8(line).is_ok());
    }

    #[test]
    fn each_outcome_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, file) = (folder.path().join("cmd"), folder.path().join("file"));
        let line = line(&result("s", "o"));
        let why = |answer| match answer {
            Answer::NotTaken { why, .. } => why,
            other => panic!("{other:?}"),
        };
        assert!(why(write(&fifo, &line)).contains("is not there"));
        std::fs::write(&file, "").unwrap();
        assert!(why(write(&file, &line)).contains("no pipe"));
        assert_eq!(std::fs::read(&file).unwrap(), b"");

        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        assert!(why(write(&fifo, &line)).contains("no reader"));
        let mut reader = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&fifo)
            .unwrap();
        assert!(matches!(write(&fifo, &line), Answer::Delivered(_)));
        let mut heard = vec![0; line.len()];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(heard, line);
        let full = (0..100_000).find_map(|_| match write(&fifo, &line) {
            Answer::Delivered(_) => None,
            other => Some(other),
        });
        assert!(why(full.unwrap()).contains("full"));
    }
}
