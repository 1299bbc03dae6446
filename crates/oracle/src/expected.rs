//! The expectation file: one JSON line for each alert that must come out.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

/// An alert that must come out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expected {
    /// The order that is over-purchased.
    pub order_id: String,
    /// The client of its request.
    pub client: String,
    /// The stock of its request.
    pub stock: String,
    /// The shares requested.
    pub requested: u64,
    /// The shares of all its distinct purchases, also of those that came after the alert: an
    /// alert says what was purchased at its moment, which is more than `requested` and at
    /// most this.
    pub purchased_total: u128,
}

/// Why a file holds no expectations.
#[derive(Debug, thiserror::Error)]
pub enum NotExpected {
    /// The file could not be read.
    #[error("read the expected alerts: {0}")]
    Io(#[from] io::Error),
    /// A line is no expected alert; lines count from 1.
    #[error("read the expected alert in line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
}

/// Writes one JSON line for each expected alert, in the order given.
///
/// # Errors
/// When the writer fails.
pub fn write(expected: &[Expected], mut out: impl Write) -> io::Result<()> {
    for alert in expected {
        serde_json::to_writer(&mut out, alert)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Reads what [`write()`] wrote; blank lines are skipped.
///
/// # Errors
/// When the reader fails or a line is no expected alert.
pub fn read(file: impl BufRead) -> Result<Vec<Expected>, NotExpected> {
    let mut expected = Vec::new();
    for (index, line) in file.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let alert = serde_json::from_str(&line).map_err(|reason| NotExpected::Line {
            line: index + 1,
            reason,
        })?;
        expected.push(alert);
    }
    Ok(expected)
}
