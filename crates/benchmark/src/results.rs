//! What was measured, and what it comes to over the repeats.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Case;
use crate::machine::Machine;
use crate::peers;
use crate::plan::Scale;

/// The version of the JSON. What is added does not change it.
pub(crate) const SCHEMA: &str = "aldebaran-benchmarks/1";

/// Trades per second, from the first to the last that was measured.
pub(crate) const RATE: &str = "trades_per_s";
/// From due to alert, in milliseconds.
pub(crate) const LATENCY: [&str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];
/// Resident memory over that of an auditor without books, for each book, in bytes.
pub(crate) const BOOK_BYTES: &str = "bytes_per_book";
/// Resident memory at its peak, in MiB.
pub(crate) const RESIDENT: &str = "resident_mib";

/// All that came of `make bench`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema: String,
    pub(crate) scale: Scale,
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
    /// What could not be measured here, and why.
    pub(crate) absent: Vec<(String, String)>,
}

/// One measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// From 1.
    pub(crate) repeat: u32,
    pub(crate) values: BTreeMap<String, f64>,
    /// Why none of the values count.
    pub(crate) faults: Vec<String>,
    /// What the programs told.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) told: Value,
}

/// A value over the repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Run {
    pub(crate) fn new(case: Case, repeat: u32) -> Self {
        Self {
            case,
            repeat,
            values: BTreeMap::new(),
            faults: Vec::new(),
            told: Value::Null,
        }
    }

    pub(crate) fn put(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }
}

impl Results {
    /// A value of a case over its repeats, without those that failed; `None` if it was not
    /// measured.
    pub(crate) fn figure(&self, case: Case, name: &str) -> Option<Figure> {
        Figure::of(self.valid(case).filter_map(|run| run.get(name)))
    }

    /// How many times the value of another case, measured in the same repeat.
    pub(crate) fn ratio(&self, case: Case, to: Case, name: &str) -> Option<Figure> {
        Figure::of(self.valid(case).filter_map(|run| {
            let other = self.valid(to).find(|other| other.repeat == run.repeat)?;
            Some(run.get(name)? / other.get(name)?)
        }))
    }

    fn valid(&self, case: Case) -> impl Iterator<Item = &Run> {
        self.of(case).filter(|run| run.faults.is_empty())
    }

    pub(crate) fn of(&self, case: Case) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.case == case)
    }

    /// The cases of a subject, in order.
    pub(crate) fn cases(&self, subject: crate::case::Subject) -> Vec<Case> {
        let cases = self.runs.iter().map(|run| run.case);
        let mut cases: Vec<_> = cases.filter(|case| case.subject == subject).collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }

    /// Whether there is nothing that was only left out because nobody wanted it.
    pub(crate) fn is_whole(&self) -> bool {
        let is_there = |case: &Case| {
            let library = peers::library(case.subject);
            self.of(*case).next().is_some()
                || self.absent.iter().any(|(name, _)| library == Some(name))
        };
        self.scale.round(1).iter().all(is_there)
    }

    /// Everything that went wrong, a line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faults = |run: &Run| {
            let (case, repeat) = (run.case, run.repeat);
            let faults = run.faults.clone().into_iter();
            faults.map(move |fault| format!("{case}, repeat {repeat}: {fault}"))
        };
        self.runs.iter().flat_map(faults).collect()
    }
}

impl Figure {
    /// `None` of nothing. The median of two is the one in their middle.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|one| one.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            least,
            most,
        })
    }

    /// The median, and how far the repeats moved, with numbers as `words` writes them.
    pub(crate) fn told(&self, words: impl Fn(f64) -> String) -> String {
        let [median, least, most] = [self.median, self.least, self.most].map(words);
        match least == most {
            true => median,
            false => format!("{median} ({least} to {most})"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::case::Subject;

    pub(crate) const PIPELINE: Case = Case::new(Subject::Pipeline, 250_000);
    pub(crate) const LIMIT: Case = Case::new(Subject::Limit, 250_000);

    /// Results with these rates of the pipeline and of its limit, repeat by repeat.
    pub(crate) fn results(rates: &[(f64, f64)]) -> Results {
        let runs = (1..).zip(rates).flat_map(|(repeat, (pipeline, limit))| {
            [(PIPELINE, pipeline), (LIMIT, limit)].map(|(case, rate)| {
                let mut run = Run::new(case, repeat);
                run.put(RATE, *rate);
                run
            })
        });
        Results {
            schema: SCHEMA.to_owned(),
            scale: Scale::full(),
            machine: Machine::default(),
            runs: runs.collect(),
            absent: Vec::new(),
        }
    }

    #[test]
    fn a_median_is_in_the_middle_and_the_spread_is_all() {
        let figure = |values: &[f64]| Figure::of(values.iter().copied());
        let told = |values: &[f64]| figure(values).unwrap().told(|value| value.to_string());
        assert_eq!(figure(&[]), None);
        assert_eq!(figure(&[f64::NAN]), None);
        assert_eq!(told(&[3.0]), "3");
        assert_eq!(told(&[9.0, 1.0, 2.0]), "2 (1 to 9)");
        assert_eq!(told(&[4.0, 1.0]), "2.5 (1 to 4)");
    }

    #[test]
    fn ratios_are_taken_repeat_by_repeat() {
        // The machine was half as fast in the second repeat: the ratio does not know.
        let mut results = results(&[(80.0, 100.0), (40.0, 50.0), (90.0, 100.0)]);
        let ratio = results.ratio(PIPELINE, LIMIT, RATE).unwrap();
        assert_eq!((ratio.median, ratio.least, ratio.most), (0.8, 0.8, 0.9));
        assert_eq!(results.figure(PIPELINE, RATE).unwrap().median, 80.0);
        assert_eq!(results.figure(PIPELINE, "p99"), None);
        results.runs[0]
            .faults
            .push("an alert was missing".to_owned());
        assert_eq!(results.figure(PIPELINE, RATE).unwrap().median, 65.0);
        assert_eq!(results.ratio(PIPELINE, LIMIT, RATE).unwrap().most, 0.9);
        assert_eq!(results.cases(Subject::Limit), [LIMIT]);
    }

    #[test]
    fn results_are_read_again_as_they_were_written() {
        let written = serde_json::to_string(&results(&[(1.5, 2.5)])).unwrap();
        let read: Results = serde_json::from_str(&written).unwrap();
        assert_eq!(read.runs[0].case, PIPELINE);
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
