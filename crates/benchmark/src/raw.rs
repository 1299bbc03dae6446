//! What the client library gives by itself: the plain publisher, alone and with the plain
//! consumer.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::Finished;

use crate::bench::Bench;
use crate::case::{Case, Subject};
use crate::cpu::Cpu;
use crate::field::{Field, follow};
use crate::plan::SHARDS;
use crate::results::{RATE, Run};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(bench: &Bench, case: Case, repeat: u32) -> Result<Run> {
    let field = Field::open(&bench.broker, SHARDS)?;
    let consumer = match case.subject {
        Subject::RawRead => Some(field.plain_consumer()?),
        _ => None,
    };
    let seconds = bench.scale.seconds(case);
    let publisher = field
        .plain_publisher()?
        .arg("--file")
        .arg(&bench.few.path)
        .args(["--batch", &case.at.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .start()?;
    let mut parts = vec![
        ("publisher", publisher.id()),
        ("broker", bench.broker.id().unwrap_or_default()),
    ];
    parts.extend(consumer.iter().map(|consumer| ("consumer", consumer.id())));
    let mut cpu = Cpu::start(&parts);
    let published = told(&follow(
        publisher,
        &mut cpu,
        PATIENCE + Duration::from_secs(seconds),
    )?)?;
    let read = match consumer {
        Some(consumer) => Some(told(&follow(consumer, &mut cpu, PATIENCE)?)?),
        None => None,
    };

    let mut run = Run::new(case, repeat);
    let number = |told: &Value, name: &str| told[name].as_f64().unwrap_or_default();
    let trades = number(&published, "trades");
    let mut ended_us = number(&published, "ended_us");
    if let Some(read) = &read {
        ended_us = ended_us.max(number(read, "last_us"));
        let read = number(read, "trades");
        if (read - trades).abs() > 0.5 {
            let fault = format!("of {trades:.0} trades {read:.0} were read");
            run.faults.push(fault);
        }
    }
    let took_us = ended_us - number(&published, "began_us");
    run.put(RATE, trades * 1e6 / took_us);
    run.put("packed", trades / number(&published, "messages"));
    run.values.extend(cpu.figures());
    run.told = json!({"published": published, "read": read});
    Ok(run)
}

fn told(finished: &Finished) -> Result<Value> {
    let words = || finished.log.trim().to_owned();
    serde_json::from_str(&finished.output)
        .with_context(|| format!("read what plain-lapin told: {}", words()))
}
