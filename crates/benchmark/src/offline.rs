//! The same trades from a file: `auditor --file`, bytewax, pathway.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::case::{Case, Subject};
use crate::peers;
use crate::results::{RATE, Run};
use crate::trades;

/// The time of a start is taken off the time of a run: it is no property of a trade, and peers in
/// Python would look slower than they are on a file of this length.
pub(crate) fn measure(bench: &Bench, case: Case, repeat: u32) -> Result<Run> {
    let folder = bench.folder.path();
    let alerts = folder.join("alerts.jsonl");
    // The shorter of two: a start that was held up would make the rest look fast.
    let start = || timed(bench, case, &bench.single, &alerts);
    let start_s = start()?.min(start()?);
    let all_s = timed(bench, case, &bench.many.path, &alerts)?;
    let text = fs::read_to_string(&alerts).context("read its alerts")?;
    let mut run = Run::new(case, repeat);
    run.faults = trades::faults(trades::lines(&text), &bench.many.expected);
    run.put(RATE, case.at as f64 / (all_s - start_s).max(1e-3));
    run.put("start_s", start_s);
    run.put("whole_s", all_s);
    Ok(run)
}

/// Runs the program of a case over a file to its end; gives the seconds that took.
fn timed(bench: &Bench, case: Case, file: &Path, alerts: &Path) -> Result<f64> {
    let log = bench.folder.path().join("offline.log");
    // It ends with this process, whatever happens to it.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    let script = |name: &str| tests::repository("tests/peers").join(name);
    let mut output = Stdio::null();
    match case.subject {
        Subject::File => {
            let auditor = tests::binary("auditor")?;
            command.args(["taskset", "--cpu-list", "0"]).arg(auditor);
            command.arg("--file").arg(file);
            output = File::create(alerts)?.into();
        }
        subject => {
            let python = peers::python(bench.folder.path());
            command
                .arg(python)
                .arg(script(peers::script(subject)))
                .arg(file)
                .arg(alerts);
            // Some of them append.
            let _ = fs::remove_file(alerts);
        }
    }
    let began = Instant::now();
    let ended = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(File::create(&log)?)
        .status()
        .context("start it")?;
    let took = began.elapsed().as_secs_f64();
    let words = fs::read_to_string(&log).unwrap_or_default();
    let last = words.trim().lines().last().unwrap_or_default();
    ensure!(ended.success(), "run it to its end: {last}");
    Ok(took)
}
