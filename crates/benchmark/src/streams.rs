//! The real publisher at the shards or the front door, with a real auditor or with the plain
//! consumer in its place.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use ::tests::{Finished, Program};
use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::Bench;
use crate::case::{Case, Subject};
use crate::cpu::{Cpu, peak_bytes};
use crate::evenness::{Evenness, Walker};
use crate::field::{Field, follow};
use crate::peers;
use crate::plan::Load;
use crate::results::{LATENCY, RATE, RESIDENT, Run};

/// Columns of a listing of latencies: from due to alert in microseconds, and when the purchase that
/// tipped the order was due, in microseconds since the epoch.
const TOOK: &str = "due_to_alert_us";
const DUE: &str = "due_epoch_us";

/// If slow moments had been so much later: what they have nothing to do with is as good then.
const CONTROL_US: i64 = 600_000;

/// How much longer than planned a run may take: the alerts of a long queue.
const PATIENCE: Duration = Duration::from_secs(120);

/// The latencies along the way, in the JSON of `publisher bench`; of each the p50 and the p99 are
/// kept.
pub(crate) const STEPS: [&str; 5] = [
    "due_to_publish",
    "publish_to_confirm",
    "publish_to_read",
    "alert_to_received",
    "publish_to_alert",
];

/// Which part of the walks over memory was slow, and which part of the alerts met that; per cent.
pub(crate) const SLOW_WALKS: &str = "slow_walks_percent";
pub(crate) const SLOW_ALERTS: &str = "slow_alerts_percent";

/// The p99 of the other alerts if slow moments had been at other times; milliseconds.
pub(crate) const CONTROL: &str = "control_p99";

/// The quantiles that are told of the other alerts.
pub(crate) const EVEN: [&str; 3] = ["p50", "p99", "p99.9"];

/// How many alerts are awaited at most at saturation: those of half a million trades.
const MOST_AWAITED: u64 = 1000;

/// The name of a quantile of the alerts that met no slow moment of the machine; milliseconds.
pub(crate) fn even(quantile: &str) -> String {
    format!("even_{quantile}")
}

pub(crate) fn measure(bench: &Bench, case: Case, repeat: u32) -> Result<Run> {
    let load = bench.scale.load(case);
    let field = Field::open(&bench.broker, load.shards)?;
    let (name, reader) = match case.subject {
        Subject::Limit => ("consumer", field.plain_consumer()?),
        Subject::Pika => ("auditor", pika(bench, &field)?),
        _ => ("auditor", field.auditor()?),
    };
    let publisher = field.publisher()?;
    let mut publisher = publisher
        .args(arguments(case, load, bench.scale.warm_up_s))
        .args(field.sets());
    // At saturation latencies are no answer times, and nothing should take what is measured.
    let listing = (load.rate > 0).then(|| bench.folder.path().join("latencies.csv"));
    if let Some(listing) = &listing {
        publisher = publisher.args(["--latencies", &listing.to_string_lossy()]);
    }
    let publisher = publisher.start()?;
    let walker = listing.as_ref().map(|_| Walker::start());
    let mut cpu = Cpu::start(&[
        ("publisher", publisher.id()),
        (name, reader.id()),
        ("broker", bench.broker.id().unwrap_or_default()),
    ]);
    let planned = Duration::from_secs(load.seconds + bench.scale.warm_up_s);
    let finished = follow(publisher, &mut cpu, planned + PATIENCE)?;
    let mut run = figures(case, repeat, &finished)?;
    run.values.extend(cpu.figures());
    if let (Some(walker), Some(listing)) = (walker, listing) {
        let evenness = walker.stop()?;
        let text = fs::read_to_string(&listing).context("read the latencies of the alerts")?;
        run.values.extend(split(&text, &evenness)?);
    }
    if let Some(bytes) = peak_bytes(reader.id()) {
        run.put(RESIDENT, bytes as f64 / f64::from(1 << 20));
    }
    if case.subject != Subject::Pika && reader.terminate()?.code != Some(0) {
        run.faults.push(format!("the {name} failed at its end"));
    }
    Ok(run)
}

/// What the alerts of a listing came to that met no slow moment of the machine.
fn split(listing: &str, evenness: &Evenness) -> Result<BTreeMap<String, f64>> {
    let alerts = alerts(listing).context("read the latencies of the alerts")?;
    let not_slow = |later_us: i64| {
        let others = alerts
            .iter()
            .filter(|(_, due_us)| !evenness.is_slow_at(due_us - later_us));
        let mut others: Vec<_> = others.map(|(took_us, _)| *took_us).collect();
        others.sort_unstable();
        others
    };
    let others = not_slow(0);
    let slow_alerts = (alerts.len() - others.len()) as f64 / alerts.len().max(1) as f64;
    let due_us = || alerts.iter().map(|(_, due_us)| *due_us);
    let (first_us, last_us) = (due_us().min(), due_us().max());
    let measured = first_us.unwrap_or_default()..=last_us.unwrap_or_default();
    let mut values = BTreeMap::from([
        (SLOW_WALKS.to_owned(), evenness.slow_part(measured) * 100.0),
        (SLOW_ALERTS.to_owned(), slow_alerts * 100.0),
    ]);
    let mut put = |name: String, sorted: &[i64], per_mille: usize| {
        let place = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
        if let Some(took_us) = sorted.get(place) {
            values.insert(name, *took_us as f64 / 1e3);
        }
    };
    for (quantile, per_mille) in EVEN.into_iter().zip([500, 990, 999]) {
        put(even(quantile), &others, per_mille);
    }
    put(CONTROL.to_owned(), &not_slow(CONTROL_US), 990);
    Ok(values)
}

/// From due to alert and when that was due, of each alert in a listing.
fn alerts(listing: &str) -> Result<Vec<(i64, i64)>> {
    let mut lines = listing
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let place = |name: &str| {
        let place = head.iter().position(|column| *column == name);
        place.with_context(|| format!("find a column {name}"))
    };
    let (took, due) = (place(TOOK)?, place(DUE)?);
    let number = |line: &[&str], place: usize| {
        let number = line.get(place).and_then(|text| text.parse::<i64>().ok());
        number.with_context(|| format!("find a number in column {place} of {line:?}"))
    };
    lines
        .map(|line| Ok((number(&line, took)?, number(&line, due)?)))
        .collect()
}

/// The auditor in Python, in the auditor's place.
fn pika(bench: &Bench, field: &Field) -> Result<Program> {
    let python = peers::python(bench.folder.path());
    let script = ::tests::repository("tests/peers").join(peers::script(Subject::Pika));
    let url = field.stage.vhost().guest_url();
    let pika = field.stage.command(&python.to_string_lossy()).arg(script);
    let mut pika = pika.env("ALDEBARAN_AMQP_URL", url).start()?;
    pika.says("reading")?;
    Ok(pika)
}

fn arguments(case: Case, load: Load, warm_up_s: u64) -> Vec<String> {
    let to = match case.subject {
        Subject::FrontDoor | Subject::Pika => "front-door",
        _ => "shards",
    };
    let number = |number: u64| number.to_string();
    let mut arguments: Vec<String> = ["bench", "-q", "--json", "-", "--over-purchased", "1%"]
        .map(String::from)
        .into();
    let options = [
        ("--to", to.to_owned()),
        ("--rate", number(load.rate)),
        ("--time", number(load.seconds)),
        ("--warm-up", number(warm_up_s)),
        ("--batch", number(load.batch)),
    ];
    for (name, value) in options {
        arguments.extend([name.to_owned(), value]);
    }
    if case.subject == Subject::Limit {
        arguments.push("--limit".to_owned());
    }
    if load.rate == 0 && to == "shards" {
        arguments.extend(["--awaited".to_owned(), number(MOST_AWAITED)]);
    }
    arguments
}

/// Reads what `publisher bench` told. A run that misses an alert has no figures that count.
pub(crate) fn figures(case: Case, repeat: u32, finished: &Finished) -> Result<Run> {
    let last_words = || finished.log.trim().lines().last().unwrap_or("").to_owned();
    let told: Value = serde_json::from_str(&finished.output)
        .with_context(|| format!("read the publisher's figures: {}", last_words()))?;
    let mut run = Run::new(case, repeat);
    for (name, path) in [
        (RATE, "/rate/end_to_end"),
        ("confirmed_per_s", "/rate/confirmed"),
    ] {
        if let Some(rate) = told.pointer(path).and_then(Value::as_f64) {
            run.put(name, rate);
        }
    }
    let count = |path: &str| told.pointer(path).and_then(Value::as_f64);
    if let (Some(sent), Some(messages)) = (count("/trades/sent"), count("/trades/messages")) {
        run.put("packed", sent / messages.max(1.0));
    }
    if let Some(expected) = count("/alerts/expected") {
        run.put("alerts", expected);
    }
    let latency = &told["latency_us"];
    let ms = |latency: &Value, quantile: &str| latency[quantile].as_f64().map(|us| us / 1e3);
    for quantile in LATENCY {
        if let Some(ms) = ms(&latency["due_to_alert"], quantile) {
            run.put(quantile, ms);
        }
    }
    for step in STEPS {
        for quantile in ["p50", "p99"] {
            if let Some(ms) = ms(&latency[step], quantile) {
                run.put(&format!("{step}_{quantile}"), ms);
            }
        }
    }
    run.faults = faults(&told);
    if run.faults.is_empty() && finished.code != Some(0) {
        run.faults.push(last_words());
    }
    run.told = told;
    Ok(run)
}

/// What is wrong with the accounts.
fn faults(told: &Value) -> Vec<String> {
    let count = |path: &str| told.pointer(path).and_then(Value::as_u64);
    let Some(expected) = count("/alerts/expected") else {
        return vec!["it told nothing of its alerts".to_owned()];
    };
    let mut faults = Vec::new();
    if expected == 0 {
        faults.push("no alert was expected, so that nothing is proved".to_owned());
    }
    for wrong in ["missing", "doubled", "invented"] {
        let found = count(&format!("/alerts/{wrong}/count"));
        if found != Some(0) {
            let found = found.map_or("an unknown number".to_owned(), |n| n.to_string());
            faults.push(format!("of {expected} expected alerts {found} {wrong}"));
        }
    }
    if count("/trades/unconfirmed_messages") != Some(0) {
        faults.push("messages stayed unconfirmed".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finished(missing: u64, code: i32) -> Finished {
        let none = json!({"count": 0, "orders": []});
        let told = json!({
            "rate": {"asked": 1000.0, "confirmed": 999.0, "end_to_end": 998.0},
            "trades": {"sent": 1280, "messages": 10, "unconfirmed_messages": 0},
            "latency_us": {
                "due_to_alert": {"p50": 1500, "p99": 4000, "p99.9": 9000},
                "publish_to_confirm": {"p50": 300, "p99": 700},
                "publish_to_read": null,
            },
            "alerts": {"expected": 12, "received": 12 - missing, "doubled": none,
                "invented": none, "missing": {"count": missing, "orders": []}},
        });
        Finished {
            code: Some(code),
            output: told.to_string(),
            log: "failed to account\n".to_owned(),
        }
    }

    const CASE: Case = Case::new(Subject::Pipeline, 1000);

    #[test]
    fn figures_are_in_milliseconds_and_trades_per_second() {
        let run = figures(CASE, 2, &finished(0, 0)).unwrap();
        assert!(run.faults.is_empty());
        assert_eq!(
            (run.get(RATE), run.get("packed")),
            (Some(998.0), Some(128.0))
        );
        assert_eq!((run.get("p50"), run.get("p99.9")), (Some(1.5), Some(9.0)));
        assert_eq!(run.get("publish_to_confirm_p99"), Some(0.7));
        assert_eq!(run.get("publish_to_read_p99"), None);
    }

    #[test]
    fn alerts_of_slow_moments_are_told_apart() {
        let evenness = Evenness::with_slow(vec![1_000_000, 1_002_000]);
        let mut listing = "due_to_alert_us,due_s,due_epoch_us\n".to_owned();
        // Two seconds, an alert each 20 ms; those from 1 s to 1.08 s on take long.
        for alert in 0..100_i64 {
            let due_us = alert * 20_000;
            let took_us = match evenness.is_slow_at(due_us) {
                true => 50_000,
                false => 2000 + alert,
            };
            listing += &format!("{took_us},0.0,{due_us}\n");
        }
        let values = split(&listing, &evenness).unwrap();
        assert_eq!(
            (values[SLOW_ALERTS], values[SLOW_WALKS]),
            (5.0, 100.0 * 2.0 / 991.0)
        );
        assert_eq!((values["even_p50"], values["even_p99"]), (2.047, 2.099));
        assert_eq!(values[CONTROL], 50.0);
        assert!(split("due_to_alert_us,due_epoch_us\n1,", &evenness).is_err());
        assert!(split("due_s,due_epoch_us\n", &evenness).is_err());
    }

    #[test]
    fn a_missing_alert_is_a_fault_whatever_the_exit_code_is() {
        for code in [0, 1] {
            let run = figures(CASE, 1, &finished(1, code)).unwrap();
            assert_eq!(run.faults, ["of 12 expected alerts 1 missing"]);
        }
        let run = figures(CASE, 1, &finished(0, 3)).unwrap();
        assert_eq!(run.faults, ["failed to account"]);
        let silent = Finished {
            output: "{}".to_owned(),
            ..finished(0, 0)
        };
        assert!(!figures(CASE, 1, &silent).unwrap().faults.is_empty());
    }
}
