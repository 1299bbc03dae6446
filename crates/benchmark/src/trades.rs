//! Trades in a file, the same for everyone who reads them, and the alerts that must come of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use ::tests::{Start, binary};
use anyhow::{Context, Result};
use oracle::Expected;
use serde_json::Value;

/// A file of made-up trades.
pub(crate) struct Trades {
    pub(crate) path: PathBuf,
    pub(crate) expected: Vec<Expected>,
}

impl Trades {
    /// Makes so many of them, by the real publisher.
    pub(crate) fn make(folder: &Path, name: &str, count: u64) -> Result<Self> {
        let path = folder.join(name);
        let expected = path.with_extension("expected");
        Start::new("trades", binary("publisher")?, folder)
            .args(["-q", "--seed", "7", "--over-purchased", "1%"])
            .args(["--trades", &count.to_string()])
            .arg("--output")
            .arg(&path)
            .arg("--expect")
            .arg(&expected)
            .run()?
            .successful()?;
        let expected = BufReader::new(File::open(expected)?);
        Ok(Self {
            path,
            expected: oracle::read(expected)?,
        })
    }
}

/// Compares alerts, a JSON object each, with what was expected: what is wrong, in words.
pub(crate) fn faults<'a>(
    alerts: impl IntoIterator<Item = &'a [u8]>,
    expected: &[Expected],
) -> Vec<String> {
    let mut open: BTreeMap<&str, (&Expected, u32)> = expected
        .iter()
        .map(|one| (one.order_id.as_str(), (one, 0)))
        .collect();
    let (mut invented, mut wrong) = (0, 0);
    for alert in alerts {
        let alert: Value = serde_json::from_slice(alert).unwrap_or_default();
        let order = alert["order_id"].as_str().unwrap_or_default();
        match open.get_mut(order) {
            Some((expected, count)) => {
                *count += 1;
                wrong += u32::from(!says(&alert, expected));
            }
            None => invented += 1,
        }
    }
    let with = |wanted: fn(u32) -> bool| open.values().filter(|(_, n)| wanted(*n)).count();
    let found = [
        ("missing", with(|count| count == 0)),
        ("doubled", with(|count| count > 1)),
        ("invented", invented),
        ("with wrong amounts", wrong as usize),
    ];
    let found = found.into_iter().filter(|(_, count)| *count > 0);
    let words = |(word, count)| format!("of {} expected alerts {count} {word}", expected.len());
    found.map(words).collect()
}

/// Whether the amounts are right: an alert is raised at some moment after the limit is exceeded.
fn says(alert: &Value, expected: &Expected) -> bool {
    let amount = |name: &str| alert[name].as_u64().map(u128::from);
    let requested = u128::from(expected.requested);
    amount("requested") == Some(requested)
        && amount("purchased")
            .is_some_and(|amount| amount > requested && amount <= expected.purchased_total)
}

/// The lines of a text that are not empty.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &[u8]> {
    text.lines()
        .map(str::as_bytes)
        .filter(|line| !line.is_empty())
}

/// Writes a single trade, to see how long a program takes to start.
pub(crate) fn single(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("single.jsonl");
    let trade = r##"{"id":"1","#shares":1,"client":"Goldman","stock":"AAPL"}"##;
    std::fs::write(&path, format!("{trade}\n")).context("write a single trade")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(order: &str) -> Expected {
        Expected {
            order_id: order.to_owned(),
            client: String::new(),
            stock: String::new(),
            requested: 100,
            purchased_total: 130,
        }
    }

    #[test]
    fn alerts_are_compared_one_by_one() {
        let expected = ["a", "b"].map(expected);
        let alert = |order: &str, purchased: u64| {
            format!(r#"{{"order_id":"{order}","requested":100,"purchased":{purchased}}}"#)
        };
        let of = |alerts: &[String]| faults(alerts.iter().map(String::as_bytes), &expected);
        let (a, b) = (alert("a", 120), alert("b", 130));
        assert!(of(&[b.clone(), a.clone()]).is_empty());
        assert_eq!(
            of(std::slice::from_ref(&a)),
            ["of 2 expected alerts 1 missing"]
        );
        let invented = alert("c", 120);
        assert_eq!(
            of(&[a.clone(), a, b, invented]),
            [
                "of 2 expected alerts 1 doubled",
                "of 2 expected alerts 1 invented"
            ]
        );
        let wrong = of(&[alert("a", 100), alert("b", 131), "no JSON".to_owned()]);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }
}
