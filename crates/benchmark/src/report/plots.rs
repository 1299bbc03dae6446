//! Which plots there are.

use crate::case::{Case, Subject};
use crate::plot::{Line, Plot};
use crate::results::{RATE, RESIDENT, Results};

pub(crate) const LATENCY: &str = "latency.svg";
pub(crate) const SHARDS: &str = "shards.svg";
pub(crate) const MEMORY: &str = "memory.svg";

/// All plots with their file names; some may have nothing to show.
pub(crate) fn all(results: &Results) -> [(&'static str, Plot); 3] {
    [
        (LATENCY, latency(results)),
        (SHARDS, shards(results)),
        (MEMORY, memory(results)),
    ]
}

/// At saturation there is no schedule, and so no latency that could be compared.
fn latency(results: &Results) -> Plot {
    let of = |subject, quantile: &'static str, name: &str, is_dashed| Line {
        name: format!("{name} {quantile}"),
        is_dashed,
        ..line(results, subject, quantile)
    };
    let pipeline = |quantile| of(Subject::Pipeline, quantile, "pipeline", false);
    let limit = |quantile| of(Subject::Limit, quantile, "limit", true);
    Plot {
        title: "From due to alert received",
        x: "trades/s asked",
        y: "ms",
        is_log: true,
        lines: vec![
            pipeline("p50"),
            pipeline("p99"),
            pipeline("p99.9"),
            limit("p50"),
            limit("p99"),
            limit("p99.9"),
        ],
    }
}

fn shards(results: &Results) -> Plot {
    Plot {
        title: "Throughput at saturation",
        x: "shards",
        y: "trades/s",
        is_log: false,
        lines: vec![Line {
            name: "pipeline".to_owned(),
            ..line(results, Subject::Shards, RATE)
        }],
    }
}

fn memory(results: &Results) -> Plot {
    Plot {
        title: "Resident memory of an auditor",
        x: "open books, four purchases each",
        y: "MiB",
        is_log: true,
        lines: vec![Line {
            name: "at its peak".to_owned(),
            ..line(results, Subject::Books, RESIDENT)
        }],
    }
}

fn line(results: &Results, subject: Subject, value: &str) -> Line {
    let cases = results.cases(subject).into_iter();
    let point = |case: Case| Some((case.at as f64, results.figure(case, value)?));
    Line {
        name: String::new(),
        points: cases.filter(|case| case.at > 0).filter_map(point).collect(),
        is_dashed: false,
    }
}
