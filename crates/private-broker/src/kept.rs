//! Programs in the background that cannot outlive the process that started them.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A program that ends when this value is dropped, and also when the process that holds it
/// panics, is interrupted or is killed with -9.
///
/// Between owner and program stands a shell (`kept.sh`) whose standard input is a pipe that only
/// the owner holds. The kernel closes the pipe whatever happens to the owner, and the shell then
/// kills the program's process group.
#[derive(Debug)]
pub struct Kept {
    shell: Child,
    program: Pid,
}

impl Kept {
    /// Starts `program` (the command with its arguments) with exactly this `environment`.
    ///
    /// What it prints is appended to the file `log`.
    ///
    /// # Errors
    ///
    /// When the shell cannot be started. A program that does not exist shows as one that has
    /// ended, with the reason in `log`.
    pub fn start(
        program: &[OsString],
        environment: &[(OsString, OsString)],
        log: &Path,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", include_str!("kept.sh"), "kept"])
            .arg(log)
            .args(program)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let program = first_line(&mut shell)
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the shell that keeps it said no process id"))?;
        Ok(Self { shell, program })
    }

    /// The program's process id, valid as long as this value lives.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.program.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the program has ended by itself or by a signal.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // The shell does not wait for it, so what has ended is a zombie.
        fs::read_to_string(format!("/proc/{}/stat", self.id()))
            .ok()
            .and_then(|stat| {
                stat.rsplit_once(") ")
                    .map(|(_, rest)| rest.starts_with(['Z', 'X']))
            })
            .unwrap_or(true)
    }

    /// Waits until the program has ended; false when `patience` ran out first.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    ///
    /// When the system refuses; signalling a program that has ended is no error.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Interrupts it as Ctrl-C does (SIGINT).
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    pub fn interrupt(&self) -> io::Result<()> {
        self.signal(Signal::INT)
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When the system refuses, or the program is not gone after 10 s.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)?;
        if self.wait(Duration::from_secs(10)) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "still there 10 s after SIGKILL",
            ))
        }
    }

    /// Stops its execution without its knowledge (SIGSTOP).
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a paused program go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.program, signal)?)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done about a shell that cannot be waited for.
        let _ = self.shell.wait();
    }
}

fn first_line(shell: &mut Child) -> String {
    let mut line = String::new();
    if let Some(output) = shell.stdout.take() {
        // An empty line is what the caller reports.
        let _ = BufReader::new(output).read_line(&mut line);
    }
    line
}
