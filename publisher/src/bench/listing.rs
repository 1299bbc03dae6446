//! A line for each alert that was measured, to look at what the quantiles do not tell: when the
//! slow ones came, and where they waited.

use std::fs::File;
use std::io::{self, BufWriter, Write};

const HEAD: &str = "due_s,due_to_alert_us,publish_to_alert_us,publish_to_read_us,alert_to_received_us,due_epoch_us";

/// Written so many bytes at a time: a minute of 500 alerts a second. What is measured should not
/// wait for the disk.
const BUFFER_BYTES: usize = 1 << 21;

/// What is known of one alert; latencies in microseconds, those of programs that told nothing
/// are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    /// When the purchase that tipped its order was due, behind the warm-up.
    pub(crate) due_us: u64,
    /// The same in microseconds since the epoch.
    pub(crate) due_epoch_us: i64,
    pub(crate) due_to_alert: u64,
    pub(crate) publish_to_alert: Option<u64>,
    pub(crate) publish_to_read: Option<u64>,
    pub(crate) alert_to_received: Option<u64>,
}

/// A file of comma-separated values.
pub(crate) struct Listing<W: Write = File>(BufWriter<W>);

impl<W: Write> Listing<W> {
    pub(crate) fn begin(out: W) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        writeln!(out, "{HEAD}")?;
        Ok(Self(out))
    }

    pub(crate) fn add(&mut self, alert: &Measured) -> io::Result<()> {
        let text = |us: Option<u64>| us.map(|us| us.to_string()).unwrap_or_default();
        let due_s = alert.due_us as f64 / 1e6;
        let [published, read, received] = [
            alert.publish_to_alert,
            alert.publish_to_read,
            alert.alert_to_received,
        ]
        .map(text);
        let (all, epoch_us) = (alert.due_to_alert, alert.due_epoch_us);
        writeln!(
            self.0,
            "{due_s:.6},{all},{published},{read},{received},{epoch_us}"
        )
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_a_line_and_what_is_unknown_stays_empty() {
        let mut text = Vec::new();
        let mut listing = Listing::begin(&mut text).unwrap();
        let mut alert = Measured {
            due_us: 1_500_000,
            due_epoch_us: 1_700_000_001_500_000,
            due_to_alert: 3200,
            publish_to_alert: Some(2100),
            publish_to_read: Some(800),
            alert_to_received: Some(1100),
        };
        listing.add(&alert).unwrap();
        (alert.publish_to_read, alert.alert_to_received) = (None, None);
        listing.add(&alert).unwrap();
        listing.finish().unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                HEAD,
                "1.500000,3200,2100,800,1100,1700000001500000",
                "1.500000,3200,2100,,,1700000001500000"
            ]
        );
    }
}
