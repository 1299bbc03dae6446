//! What was to be reached, beside what was measured.

use crate::case::{Case, Subject};
use crate::results::{BOOK_BYTES, RATE, Results};
use crate::words::{grouped, short};

/// A row of the table.
pub(crate) struct Row {
    pub(crate) words: &'static str,
    pub(crate) wanted: String,
    pub(crate) measured: String,
    /// To the limit of the same run.
    pub(crate) ratio: String,
    pub(crate) verdict: Verdict,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// An alert was missing, or something else failed: the figure does not count.
    Failed,
    NotMeasured,
}

struct Target {
    words: &'static str,
    case: Case,
    what: What,
    bound: Bound,
    /// What it is compared with, and by which value.
    against: Option<(Case, &'static str)>,
}

enum What {
    /// A value, in a unit.
    Value(&'static str, &'static str),
    /// How many times the rate of another case.
    Times(Case),
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const fn pipeline(rate: u64) -> Case {
    Case::new(Subject::Pipeline, rate)
}

const fn limit(rate: u64) -> Case {
    Case::new(Subject::Limit, rate)
}

const UNPACKED: Case = Case::new(Subject::Unpacked, 1);
const RAW_UNPACKED: Case = Case::new(Subject::RawRead, 1);
const BATCHED: Case = Case::new(Subject::FrontDoor, 100);

/// A rate counts as held if so much of it came through.
const HELD: f64 = 0.99;

/// The targets for two cores with everything on them, in their order.
pub(crate) fn rows(results: &Results) -> Vec<Row> {
    let many = results.scale.many_trades();
    let file = Case::new(Subject::File, many);
    let bytewax = Case::new(Subject::Bytewax, many);
    let target = |words, case, what, bound| Target {
        words,
        case,
        what,
        bound,
        against: None,
    };
    let to = |target: Target, case, value| Target {
        against: Some((case, value)),
        ..target
    };
    let (at_most, at_least) = (Bound::AtMost, Bound::AtLeast);
    let rate = What::Value(RATE, "trades/s");
    let ms = |quantile| What::Value(quantile, "ms");
    let (quarter, half) = (pipeline(250_000), pipeline(500_000));
    let mut targets = vec![
        to(
            target(
                "250,000 trades/s, due to alert, p99",
                quarter,
                ms("p99"),
                at_most(5.0),
            ),
            limit(250_000),
            "p99",
        ),
        to(
            target(
                "250,000 trades/s, due to alert, p99.9",
                quarter,
                ms("p99.9"),
                at_most(15.0),
            ),
            limit(250_000),
            "p99.9",
        ),
        to(
            target(
                "500,000 trades/s are held",
                half,
                rate,
                at_least(500_000.0 * HELD),
            ),
            limit(500_000),
            RATE,
        ),
        to(
            target(
                "500,000 trades/s, due to alert, p99",
                half,
                ms("p99"),
                at_most(10.0),
            ),
            limit(500_000),
            "p99",
        ),
        to(
            target(
                "saturation, packed",
                pipeline(0),
                What::Value(RATE, "trades/s"),
                at_least(800_000.0),
            ),
            limit(0),
            RATE,
        ),
        target(
            "saturation, to the limit",
            pipeline(0),
            What::Times(limit(0)),
            at_least(0.8),
        ),
        target(
            "one trade a message, to plain lapin",
            UNPACKED,
            What::Times(RAW_UNPACKED),
            at_least(0.9),
        ),
        target(
            "`auditor --file`, one core",
            file,
            What::Value(RATE, "trades/s"),
            at_least(2_000_000.0),
        ),
        target(
            "`auditor --file`, to bytewax",
            file,
            What::Times(bytewax),
            at_least(10.0),
        ),
    ];
    let books = results.cases(Subject::Books);
    for (count, words) in [
        (1_000_000, "memory of an open book, 1 million open"),
        (10_000_000, "memory of an open book, 10 million open"),
    ] {
        let case = Case::new(Subject::Books, count);
        if books.contains(&case) {
            let bytes = What::Value(BOOK_BYTES, "bytes");
            targets.push(target(words, case, bytes, at_most(200.0)));
        }
    }
    let door = What::Value(RATE, "trades/s");
    targets.push(target(
        "router, batches of 100 through the front door",
        BATCHED,
        door,
        at_least(200_000.0),
    ));
    targets.iter().map(|target| target.row(results)).collect()
}

impl Target {
    fn row(&self, results: &Results) -> Row {
        let figure = match self.what {
            What::Value(name, _) => results.figure(self.case, name),
            What::Times(other) => results.ratio(self.case, other, RATE),
        };
        let words = |number: f64| match self.what {
            What::Value(RATE, _) => grouped(number),
            _ => short(number),
        };
        let unit = match self.what {
            What::Value(_, unit) => unit,
            What::Times(_) => "times",
        };
        let ratio = self
            .against
            .and_then(|(case, value)| results.ratio(self.case, case, value));
        Row {
            words: self.words,
            wanted: match self.bound {
                Bound::AtMost(most) => format!("at most {} {unit}", words(most)),
                Bound::AtLeast(least) => format!("at least {} {unit}", words(least)),
            },
            measured: figure.map_or_else(String::new, |figure| figure.told(words)),
            ratio: ratio.map_or_else(String::new, |ratio| ratio.told(short)),
            verdict: self.verdict(results, figure.map(|figure| figure.median)),
        }
    }

    fn verdict(&self, results: &Results, measured: Option<f64>) -> Verdict {
        let has_failed = |case| results.of(case).any(|run| !run.faults.is_empty());
        let other = match self.what {
            What::Times(other) => Some(other),
            What::Value(..) => None,
        };
        if has_failed(self.case) || other.is_some_and(has_failed) {
            return Verdict::Failed;
        }
        match (measured, &self.bound) {
            (None, _) => Verdict::NotMeasured,
            (Some(measured), Bound::AtMost(most)) if measured <= *most => Verdict::Met,
            (Some(measured), Bound::AtLeast(least)) if measured >= *least => Verdict::Met,
            _ => Verdict::Missed,
        }
    }
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Failed => "**FAILED**",
            Verdict::NotMeasured => "not measured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{PIPELINE, results};

    fn verdict(results: &Results, words: &str) -> (Verdict, String) {
        let rows = rows(results);
        let row = rows
            .into_iter()
            .find(|row| row.words.contains(words))
            .unwrap();
        (row.verdict, row.measured)
    }

    #[test]
    fn a_target_is_met_by_the_median_and_never_by_a_failed_run() {
        let mut results = results(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)]);
        assert_eq!(verdict(&results, "p99.9").0, Verdict::NotMeasured);
        let pipelines = |results: &mut Results, ms: [f64; 3]| {
            let runs = results.runs.iter_mut().filter(|run| run.case == PIPELINE);
            runs.zip(ms).for_each(|(run, ms)| run.put("p99", ms));
        };
        pipelines(&mut results, [4.0, 5.0, 90.0]);
        let told = "5.00 (4.00 to 90.0)".to_owned();
        assert_eq!(
            verdict(&results, "250,000 trades/s, due to alert, p99"),
            (Verdict::Met, told)
        );
        pipelines(&mut results, [4.0, 5.1, 90.0]);
        assert_eq!(
            verdict(&results, "250,000 trades/s, due to alert, p99").0,
            Verdict::Missed
        );
        pipelines(&mut results, [1.0, 1.0, 1.0]);
        results.runs[0]
            .faults
            .push("of 5 expected alerts 1 missing".to_owned());
        assert_eq!(
            verdict(&results, "250,000 trades/s, due to alert, p99").0,
            Verdict::Failed
        );
    }
}
