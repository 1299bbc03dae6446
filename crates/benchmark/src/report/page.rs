//! The page, section by section.

use crate::case::{Case, Subject};
use crate::report::table::Table;
use crate::report::{plots, text};
use crate::results::{BOOK_BYTES, LATENCY, RATE, RESIDENT, Results};
use crate::streams::{CONTROL, EVEN, SLOW_ALERTS, SLOW_WALKS, STEPS, even};
use crate::targets;
use crate::words::{grouped, short};

pub(crate) fn page(results: &Results) -> String {
    let sections = [
        head(results),
        machine(results),
        section("The targets", text::TARGETS, &targets(results)),
        section("Latency against rate", text::STREAMS, &streams(results)),
        section("When the machine is slow", text::SLOW, &slow(results)),
        section("Where the time goes", text::STEPS, &steps(results)),
        section("Who uses the processor", text::CPU, &cpu(results)),
        section("The client library", text::RAW, &raw(results)),
        section("One trade a message", text::UNPACKED, &unpacked(results)),
        section("The front door", text::DOOR, &door(results)),
        section("Shards", text::SHARDS, &shards(results)),
        section("From a file", text::FILE, &file(results)),
        section("Memory", text::MEMORY, &memory(results)),
        format!("## How it is measured\n\n{}\n", text::HOW),
    ];
    sections
        .into_iter()
        .filter(|section| !section.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Nothing at all if nothing was measured.
fn section(title: &str, words: &str, body: &str) -> String {
    match body.is_empty() {
        true => String::new(),
        false => format!("## {title}\n\n{words}\n\n{body}"),
    }
}

fn head(results: &Results) -> String {
    let scale = &results.scale;
    let how = match scale.is_quick {
        true => "**A quick look** (`make bench QUICK=1`): each case once, for seconds. It proves \
                 nothing; `make bench` measures."
            .to_owned(),
        false if !results.is_whole() => format!(
            "A part of what `make bench` measures, every case {} times.",
            scale.repeats
        ),
        false => format!(
            "Written by `make bench`: the whole of it, every case {} times.",
            scale.repeats
        ),
    };
    let mut head = format!(
        "# Benchmarks\n\n{how} Rates are trades/s, packed so many to a message; they are never \
         messages.\n"
    );
    let faults = results.faults();
    if !faults.is_empty() {
        head += "\n**THIS RUN FAILED.** The figures of what failed do not count:\n\n";
        for fault in faults {
            head += &format!("- {fault}\n");
        }
    }
    for (name, reason) in &results.absent {
        head += &format!("\n{name} was not measured: {reason}.\n");
    }
    head
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut rows = Table::new(&["", ""]);
    let processor = format!("{} cores, {}", machine.cores, machine.processor);
    rows.row([
        "machine".to_owned(),
        format!(
            "{processor}, {:.0} GiB, {}",
            machine.memory_gib, machine.kernel
        ),
    ]);
    let (rabbitmq, erlang) = (&machine.rabbitmq, &machine.erlang);
    let broker = format!("RabbitMQ {rabbitmq} on Erlang {erlang}, on the same machine");
    rows.row(["broker".to_owned(), broker]);
    // Earlier runs did not look.
    if !machine.broker_files.is_empty() {
        rows.row(["its files".to_owned(), machine.broker_files.clone()]);
    }
    if !machine.alone.is_empty() {
        rows.row(["by itself".to_owned(), machine.alone.clone()]);
    }
    rows.row(["commit".to_owned(), machine.commit.clone()]);
    rows.row(["begun".to_owned(), machine.date.clone()]);
    rows.text
}

fn targets(results: &Results) -> String {
    let mut table = Table::new(&["", "target", "measured", "to the limit", ""]);
    for row in targets::rows(results) {
        let verdict = row.verdict.word().to_owned();
        table.row([
            row.words.to_owned(),
            row.wanted,
            row.measured,
            row.ratio,
            verdict,
        ]);
    }
    table.text
}

fn streams(results: &Results) -> String {
    let mut table = Table::new(&[
        "", "trades/s", "packed", "p50", "p90", "p99", "p99.9", "p99.99", "max", "alerts",
    ]);
    for case in pairs(results) {
        let mut row = vec![name(results, case), value(results, case, RATE, grouped)];
        row.push(value(results, case, "packed", short));
        row.extend(LATENCY.map(|quantile| value(results, case, quantile, short)));
        row.push(value(results, case, "alerts", grouped));
        table.row(row);
    }
    let mut ratios = Table::new(&["pipeline to limit", "trades/s", "p50", "p99", "p99.9"]);
    let pipelines = pairs(results).into_iter();
    for case in pipelines.filter(|case| case.subject == Subject::Pipeline) {
        let limit = Case::new(Subject::Limit, case.at);
        let ratio = |value| times(results, case, limit, value);
        let at = match case.at {
            0 => "at saturation".to_owned(),
            rate => format!("at {}", grouped(rate as f64)),
        };
        ratios.row([at, ratio(RATE), ratio("p50"), ratio("p99"), ratio("p99.9")]);
    }
    if table.is_empty() {
        return String::new();
    }
    let plot = format!("![latency against rate]({})\n", plots::LATENCY);
    format!("{plot}\n{}\n{}", table.text, ratios.text)
}

/// Each rate's pipeline and its limit, saturation last.
fn pairs(results: &Results) -> Vec<Case> {
    let mut cases = results.cases(Subject::Pipeline);
    cases.extend(results.cases(Subject::Limit));
    cases.sort_by_key(|case| (case.at.wrapping_sub(1), std::cmp::Reverse(case.subject)));
    cases
}

fn slow(results: &Results) -> String {
    let mut table = Table::new(&[
        "",
        "slow, %",
        "alerts then, %",
        "p99 of all",
        "p50 of the others",
        "p99",
        "p99.9",
        "p99, control",
    ]);
    for case in pairs(results) {
        if results.figure(case, SLOW_WALKS).is_none() {
            continue;
        }
        let mut row = vec![name(results, case)];
        let told = [SLOW_WALKS, SLOW_ALERTS, "p99"].into_iter();
        let told = told
            .map(str::to_owned)
            .chain(EVEN.map(even))
            .chain([CONTROL.to_owned()]);
        row.extend(told.map(|figure| value(results, case, &figure, short)));
        table.row(row);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.text,
    }
}

fn steps(results: &Results) -> String {
    let words = STEPS.map(|step| step.replace('_', " "));
    let mut heads = vec![""];
    heads.extend(words.iter().map(String::as_str));
    let mut table = Table::new(&heads);
    for case in pairs(results) {
        let median = |step: &str, quantile| {
            let figure = results.figure(case, &format!("{step}_{quantile}"));
            figure.map(|figure| short(figure.median))
        };
        let both = |step: &str| {
            Some(format!(
                "{} / {}",
                median(step, "p50")?,
                median(step, "p99")?
            ))
        };
        let steps = STEPS.map(|step| both(step).unwrap_or_else(|| "–".to_owned()));
        table.row([name(results, case)].into_iter().chain(steps));
    }
    table.text
}

fn cpu(results: &Results) -> String {
    let mut table = Table::new(&[
        "",
        "publisher",
        "auditor or consumer",
        "broker",
        "others",
        "stolen",
        "changes of thread/s",
    ]);
    let mut cases = pairs(results);
    let also = [Subject::RawRead, Subject::Unpacked, Subject::FrontDoor];
    cases.extend(also.iter().flat_map(|subject| results.cases(*subject)));
    for case in cases {
        let cores = |part: &str| value(results, case, &format!("cpu_{part}"), short);
        let reader = cores("auditor") + &cores("consumer");
        let [publisher, broker, others, stolen] =
            ["publisher", "broker", "others", "stolen"].map(cores);
        table.row([
            name(results, case),
            publisher,
            reader,
            broker,
            others,
            stolen,
            value(results, case, "switches", grouped),
        ]);
    }
    table.text
}

fn raw(results: &Results) -> String {
    let cases = [Subject::RawPublish, Subject::RawRead];
    let cases = cases.iter().flat_map(|subject| results.cases(*subject));
    rates(results, cases, None)
}

fn unpacked(results: &Results) -> String {
    let raw = Case::new(Subject::RawRead, 1);
    let mut cases = results.cases(Subject::Unpacked);
    if cases.is_empty() {
        return String::new();
    }
    cases.push(raw);
    rates(results, cases, Some(("to plain lapin", raw)))
}

fn door(results: &Results) -> String {
    let one = Case::new(Subject::FrontDoor, 1);
    let cases = [Subject::FrontDoor, Subject::Pika];
    let cases = cases.iter().flat_map(|subject| results.cases(*subject));
    rates(results, cases, Some(("to one trade a message", one)))
}

fn shards(results: &Results) -> String {
    let limit = Case::new(Subject::Limit, 0);
    let table = rates(
        results,
        results.cases(Subject::Shards),
        Some(("to the limit", limit)),
    );
    match table.is_empty() {
        true => table,
        false => format!("![throughput against shards]({})\n\n{table}", plots::SHARDS),
    }
}

fn file(results: &Results) -> String {
    let subjects = [Subject::File, Subject::Bytewax, Subject::Pathway];
    let cases: Vec<_> = subjects
        .iter()
        .flat_map(|subject| results.cases(*subject))
        .collect();
    let Some(auditor) = cases.first().copied() else {
        return String::new();
    };
    let mut table = Table::new(&["", "trades/s", "to the auditor", "start, s"]);
    for case in cases {
        let rate = value(results, case, RATE, grouped);
        let start = value(results, case, "start_s", short);
        table.row([
            name(results, case),
            rate,
            times(results, case, auditor, RATE),
            start,
        ]);
    }
    table.text
}

fn memory(results: &Results) -> String {
    let mut table = Table::new(&["open books", "MiB", "bytes a book"]);
    for case in results.cases(Subject::Books) {
        let resident = value(results, case, RESIDENT, short);
        let bytes = value(results, case, BOOK_BYTES, short);
        table.row([grouped(case.at as f64), resident, bytes]);
    }
    match table.is_empty() {
        true => String::new(),
        false => format!(
            "![memory against books]({})\n\n{}",
            plots::MEMORY,
            table.text
        ),
    }
}

/// A table of rates, compared with another case if there is one.
fn rates(
    results: &Results,
    cases: impl IntoIterator<Item = Case>,
    to: Option<(&str, Case)>,
) -> String {
    let mut heads = vec!["", "trades/s"];
    heads.extend(to.map(|(words, _)| words));
    let mut table = Table::new(&heads);
    for case in cases {
        let mut row = vec![name(results, case), value(results, case, RATE, grouped)];
        row.extend(to.map(|(_, other)| times(results, case, other, RATE)));
        table.row(row);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.text,
    }
}

fn name(results: &Results, case: Case) -> String {
    match results.of(case).any(|run| !run.faults.is_empty()) {
        true => format!("{case} **FAILED**"),
        false => case.to_string(),
    }
}

fn value(results: &Results, case: Case, value: &str, words: fn(f64) -> String) -> String {
    let figure = results.figure(case, value);
    figure.map_or_else(String::new, |figure| figure.told(words))
}

fn times(results: &Results, case: Case, other: Case, value: &str) -> String {
    let ratio = results.ratio(case, other, value);
    ratio.map_or_else(String::new, |ratio| ratio.told(short))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{LIMIT, PIPELINE, results};

    #[test]
    fn the_page_has_medians_spreads_and_ratios() {
        let page = page(&results(&[(80.0, 100.0), (40.0, 50.0), (90.0, 100.0)]));
        assert!(
            page.contains("pipeline at 250,000 trades/s | 80 (40 to 90)"),
            "{page}"
        );
        assert!(
            page.contains("| at 250,000 | 0.80 (0.80 to 0.90) |"),
            "{page}"
        );
        assert!(
            !page.contains("FAILED") && !page.contains("## Memory"),
            "{page}"
        );
    }

    #[test]
    fn a_run_with_a_missing_alert_is_told_first_and_beside_its_figures() {
        let mut results = results(&[(80.0, 100.0)]);
        let run = results.runs.iter_mut().find(|run| run.case == PIPELINE);
        let fault = "of 12 expected alerts 1 missing";
        run.unwrap().faults.push(fault.to_owned());
        let page = page(&results);
        let top: Vec<_> = page.lines().take(8).collect();
        assert!(top.join("\n").contains("THIS RUN FAILED"), "{page}");
        assert!(
            page.contains(&format!("- {PIPELINE}, repeat 1: {fault}")),
            "{page}"
        );
        assert!(page.contains(&format!("{PIPELINE} **FAILED**")), "{page}");
        assert!(!page.contains(&format!("{LIMIT} **FAILED**")), "{page}");
    }
}
