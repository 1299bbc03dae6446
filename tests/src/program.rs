//! The programs as they are built, run as child processes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::terminal::Terminal;
use crate::wait::{PATIENCE, within};

/// Where cargo put a program of this workspace, in the profile of the running executable.
///
/// # Errors
///
/// When it is not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let this = env::current_exe()?;
    let folder = this.parent().context("this executable lies in no folder")?;
    // Tests lie one folder deeper.
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    let binary = folder.join(name);
    ensure!(
        binary.is_file(),
        "{} is not there: build the programs first (make build)",
        binary.display()
    );
    Ok(binary)
}

/// What to start, and with what.
#[derive(Debug)]
pub struct Start {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Option<PathBuf>,
    terminal: Option<OwnedFd>,
    /// Where the output goes.
    folder: PathBuf,
}

impl Start {
    /// The executable `program`, whose output goes to files in `folder` that begin with `name`.
    #[must_use]
    pub fn new(name: &str, program: impl Into<PathBuf>, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: None,
            terminal: None,
            folder: folder.to_owned(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable of its environment. Variables whose name begins with `ALDEBARAN_` are not
    /// inherited.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Gives it a file as standard input, instead of nothing.
    #[must_use]
    pub fn input(mut self, file: impl Into<PathBuf>) -> Self {
        self.input = Some(file.into());
        self
    }

    /// Gives it a terminal as standard input and standard error; standard output stays a file.
    ///
    /// # Errors
    ///
    /// When the system has no more files for it.
    pub fn terminal(mut self, terminal: &Terminal) -> Result<Self> {
        self.terminal = Some(terminal.line()?);
        Ok(self)
    }

    /// Starts it. It is killed when the value is dropped, and also when the *thread* that started
    /// it ends, so start what should live long from a thread that lives long.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(self) -> Result<Program> {
        let unused = |ending: &str| -> Result<PathBuf> {
            let path = |n: u32| self.folder.join(format!("{}.{n}.{ending}", self.name));
            (1..)
                .map(path)
                .find(|path| !path.exists())
                .context("no file name is left")
        };
        let (output, log) = (unused("out")?, unused("log")?);
        let inherited = |name: &OsStr| name.to_string_lossy().starts_with("ALDEBARAN_");
        // A shell that runs the tests in the background has them ignore Ctrl-C, and they would
        // hand that on.
        let mut command = Command::new("env");
        command
            .args([
                "--default-signal=INT",
                "setpriv",
                "--pdeathsig",
                "KILL",
                "--",
            ])
            .arg(&self.program)
            .args(&self.arguments);
        for (name, _) in env::vars_os().filter(|(name, _)| inherited(name)) {
            command.env_remove(name);
        }
        let input = match (&self.terminal, self.input) {
            (Some(terminal), _) => Stdio::from(terminal.try_clone()?),
            (None, Some(file)) => File::open(file)?.into(),
            (None, None) => Stdio::null(),
        };
        let log_file = File::create(&log)?;
        let child = command
            .envs(self.environment)
            .stdin(input)
            .stdout(File::create(&output)?)
            .stderr(self.terminal.map_or(log_file.into(), Stdio::from))
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        Ok(Program {
            name: self.name,
            child,
            output,
            log,
        })
    }

    /// Starts it and waits until it has ended, at most [`PATIENCE`].
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not end. Whatever exit code is no error.
    pub fn run(self) -> Result<Finished> {
        self.start()?.finish(PATIENCE)
    }
}

/// A program that was started.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// What it printed on standard output.
    pub output: String,
    /// What it printed on standard error.
    pub log: String,
}

impl Finished {
    /// Itself, if it ended with exit code 0.
    ///
    /// # Errors
    ///
    /// With any other code; then with what it said.
    pub fn successful(self) -> Result<Self> {
        self.with_code(0)
    }

    /// Itself, if it ended with exit code `code`.
    ///
    /// # Errors
    ///
    /// With any other code; then with what it said.
    pub fn with_code(self, code: i32) -> Result<Self> {
        let Self {
            code: ended,
            output,
            log,
        } = &self;
        ensure!(
            *ended == Some(code),
            "exit code {ended:?} instead of {code}:\n{output}\n{log}"
        );
        Ok(self)
    }
}

impl Program {
    /// What it has printed on standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// What it has printed on standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// The file that its standard error goes to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The name that it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until its standard error holds `words`.
    ///
    /// # Errors
    ///
    /// When it has not said them within [`PATIENCE`], or has ended without.
    pub fn says(&mut self, words: &str) -> Result<()> {
        let what = format!("{} says {words:?}", self.name);
        within(PATIENCE, &what, || {
            let ended = self.child.try_wait().transpose();
            if self.log().contains(words) {
                return Some(Ok(()));
            }
            ended.map(|status| match status {
                Ok(status) => bail!("{} ended with {status} before it said {words:?}", self.name),
                Err(error) => bail!(error),
            })
        })?
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills it with -9 and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Errors
    ///
    /// When it does not end within [`PATIENCE`].
    pub fn terminate(self) -> Result<Finished> {
        self.signal(Signal::TERM)?;
        self.finish(PATIENCE)
    }

    /// Interrupts it as Ctrl-C does (SIGINT) and waits until it has ended.
    ///
    /// # Errors
    ///
    /// When it does not end within [`PATIENCE`].
    pub fn interrupt(self) -> Result<Finished> {
        self.signal(Signal::INT)?;
        self.finish(PATIENCE)
    }

    /// Stops its execution without its knowledge (SIGSTOP).
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`pause`](Self::pause) (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    ///
    /// When it has not within `patience`.
    pub fn finish(mut self, patience: Duration) -> Result<Finished> {
        let what = format!("{} ends", self.name);
        let ended = within(patience, &what, || self.child.try_wait().transpose());
        let status: ExitStatus = ended.with_context(|| self.log())??;
        Ok(Finished {
            code: status.code(),
            output: self.output(),
            log: self.log(),
        })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(io::Error::from)
            .with_context(|| format!("send {signal:?} to {}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}
