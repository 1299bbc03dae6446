//! Whatever happens to the process that owns a private broker, nothing of the broker is left:
//! no process, no folder, no mount.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn an_owner_killed_with_9_leaves_nothing_of_an_installed_release() {
    leaves_nothing(&[], Signal::KILL);
}

#[test]
fn an_owner_killed_with_9_leaves_nothing_of_a_debian_13_tree() {
    leaves_nothing(&["--debian-13"], Signal::KILL);
}

#[test]
fn an_interrupted_owner_leaves_nothing() {
    leaves_nothing(&["--management", "--tls"], Signal::INT);
}

#[test]
fn logs_of_quorum_queues_elsewhere_are_not_left_either() {
    let elsewhere = tempfile::tempdir().unwrap();
    let below = format!("--quorum-below={}", elsewhere.path().display());
    let logs = || {
        let below = elsewhere.path().read_dir().unwrap();
        below.flatten().map(|folder| entries(&folder.path())).sum()
    };
    let (mut before, mut after): (usize, usize) = (0, usize::MAX);
    leaves_nothing_after(&[&below], Signal::KILL, || before = logs());
    let deadline = Instant::now() + Duration::from_secs(10);
    while after > 0 && Instant::now() < deadline {
        after = entries(elsewhere.path());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(
        before > 0 && after == 0,
        "{before} logs, then {after} folders"
    );
}

fn leaves_nothing(arguments: &[&str], signal: Signal) {
    leaves_nothing_after(arguments, signal, || ());
}

fn leaves_nothing_after(arguments: &[&str], signal: Signal, look: impl FnOnce()) {
    let temporary = tempfile::tempdir().unwrap();
    let mut owner = Owner::start(arguments, temporary.path());
    let mut url = String::new();
    // Open to the end of the test: the program has more to say, and fails if nobody can read it.
    let mut printed = BufReader::new(owner.0.stdout.take().unwrap());
    printed.read_line(&mut url).unwrap();
    let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
    let mark = format!("RABBITMQ_NODENAME=private-{port}@localhost");

    let before = processes_with(&mark);
    assert!(before.iter().any(|name| name == "beam.smp"), "{before:?}");
    assert!(before.iter().any(|name| name == "epmd"), "{before:?}");
    assert_eq!(entries(temporary.path()), 1);

    look();
    owner.end(signal);

    let deadline = Instant::now() + Duration::from_secs(10);
    while !processes_with(&mark).is_empty() || entries(temporary.path()) > 0 {
        assert!(
            Instant::now() < deadline,
            "left: {:?} and {} folders",
            processes_with(&mark),
            entries(temporary.path())
        );
        thread::sleep(Duration::from_millis(20));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("debian-13"), "{mounts}");
}

/// The program `private-broker` in a process group of its own.
struct Owner(Child);

impl Owner {
    fn start(arguments: &[&str], temporary: &Path) -> Self {
        Self(
            // A shell that starts this test in the background lets it ignore Ctrl-C.
            Command::new("env")
                .args(["--default-signal=INT", env!("CARGO_BIN_EXE_private-broker")])
                .args(arguments)
                .env("TMPDIR", temporary)
                .process_group(0)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    fn end(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The names of all processes whose environment holds `mark`.
fn processes_with(mark: &str) -> Vec<String> {
    let of = |entry: fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let marked = environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes());
        marked.then(|| fs::read_to_string(entry.path().join("comm")).ok())?
    };
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(of);
    processes.map(|name| name.trim().to_owned()).collect()
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}
