//! The resident memory of a real auditor with open books.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::{Start, binary};

use crate::bench::Bench;
use crate::case::Case;
use crate::cpu::{Cpu, peak_bytes};
use crate::field::follow;
use crate::results::{BOOK_BYTES, RESIDENT, Run};
use crate::trades;

/// A request and four purchases.
const TRADES_OF_A_BOOK: u64 = 5;

const PATIENCE: Duration = Duration::from_secs(300);

/// How long an auditor does nothing before it is believed to have read everything.
const IDLE: Duration = Duration::from_millis(200);

/// The peak is what counts, also while a table grows: the machine must have it.
pub(crate) fn measure(bench: &Bench, case: Case, repeat: u32) -> Result<Run> {
    let mut run = Run::new(case, repeat);
    let empty = resident(bench.folder.path(), 1, &mut run)?;
    let full = resident(bench.folder.path(), case.at, &mut run)?;
    run.put(RESIDENT, full as f64 / f64::from(1 << 20));
    let bytes = full.saturating_sub(empty) as f64 / case.at as f64;
    run.put(BOOK_BYTES, bytes);
    Ok(run)
}

/// Opens so many books in an auditor and gives its resident bytes, before it may end.
fn resident(folder: &Path, books: u64, run: &mut Run) -> Result<u64> {
    let pipe = folder.join("pipe");
    let _ = std::fs::remove_file(&pipe);
    let made = Command::new("mkfifo").arg(&pipe).status()?;
    ensure!(made.success(), "make a named pipe");
    let auditor = Start::new("books", binary("auditor")?, folder)
        .args(["-q", "--max-books", "1000000000", "--file"])
        .arg(&pipe)
        .start()?;
    // As long as it is open here, the auditor sees no end.
    let held = OpenOptions::new().write(true).open(&pipe)?;
    let expected = folder.join("books.expected");
    let publisher = Start::new("books", binary("publisher")?, folder)
        .args(["-q", "--seed", "7", "--over-purchased", "1%"])
        .args(["--trades", &(books * TRADES_OF_A_BOOK).to_string()])
        .arg("--output")
        .arg(&pipe)
        .arg("--expect")
        .arg(&expected)
        .start()?;
    let mut cpu = Cpu::start(&[("auditor", auditor.id())]);
    follow(publisher, &mut cpu, PATIENCE)?.successful()?;
    wait_until_idle(auditor.id())?;
    let resident = peak_bytes(auditor.id()).context("look at the auditor's memory")?;

    drop(held);
    let finished = auditor.finish(PATIENCE)?.successful()?;
    let expected = oracle::read(std::io::BufReader::new(std::fs::File::open(expected)?))?;
    let alerts = trades::lines(&finished.output);
    run.faults.extend(trades::faults(alerts, &expected));
    Ok(resident)
}

fn wait_until_idle(id: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut cpu = Cpu::start(&[("auditor", id)]);
        sleep(IDLE);
        cpu.look();
        if cpu.figures().get("cpu_auditor") == Some(&0.0) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "wait for the auditor to read");
    }
}
