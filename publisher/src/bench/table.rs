//! The figures of a run, for people.

use std::fmt;
use std::time::Duration;

use crate::bench::accounts::Wrong;
use crate::bench::latency::{QUANTILES, Quantiles};
use crate::bench::report::Report;
use crate::summary::grouped;

/// How many orders of each kind are named here; the JSON names more.
const MOST_NAMED: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.latencies(out)?;
        self.load(out)?;
        self.outcome(out)
    }
}

impl Report {
    fn latencies(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<19}{:>12}", "milliseconds", "count")?;
        for (name, _) in QUANTILES {
            write!(out, "{name:>10}")?;
        }
        writeln!(out, "{:>10}", "max")?;
        let latency = &self.latency_us;
        row(out, "due to alert", latency.due_to_alert.as_ref())?;
        row(out, "publish to alert", latency.publish_to_alert.as_ref())?;
        row(out, "publish to read", latency.publish_to_read.as_ref())?;
        row(out, "alert to received", latency.alert_to_received.as_ref())?;
        row(out, "due to publish", latency.due_to_publish.as_ref())?;
        row(
            out,
            "publish to confirm",
            latency.publish_to_confirm.as_ref(),
        )?;
        row(out, "due to confirm", latency.due_to_confirm.as_ref())?;
        writeln!(out)
    }

    #[allow(clippy::cast_precision_loss)]
    fn load(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trades = &self.trades;
        write!(
            out,
            "trades    {} sent, {} of them measured",
            grouped(trades.sent),
            grouped(trades.measured)
        )?;
        if trades.unsent > 0 {
            write!(
                out,
                ", {} MORE WERE DUE and not sent: the rate was not held, latencies are without \
                 them",
                grouped(trades.unsent)
            )?;
        }
        let packed = trades.sent as f64 / trades.messages.max(1) as f64;
        write!(
            out,
            "\nmessages  {}, packed {packed:.1} trades to a message, {} sent again",
            grouped(trades.messages),
            grouped(trades.resent_messages)
        )?;
        let rate = &self.rate;
        match rate.asked {
            Some(asked) => write!(out, "\nrate      {} trades/s asked", round(asked))?,
            None => write!(out, "\nrate      as fast as confirmed")?,
        }
        writeln!(
            out,
            ", {} confirmed, {} end to end",
            round(rate.confirmed),
            round(rate.end_to_end)
        )
    }

    fn outcome(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alerts = &self.alerts;
        writeln!(
            out,
            "alerts    {} expected, {} received, {} missing, {} doubled, {} invented",
            grouped(alerts.expected),
            grouped(alerts.received),
            grouped(alerts.missing.count),
            grouped(alerts.doubled.count),
            grouped(alerts.invented.count)
        )?;
        write!(out, "seed      {}", self.load.seed)?;
        if self.stopped {
            write!(out, "\nSTOPPED before its time")?;
        }
        for threshold in &self.thresholds {
            let word = if threshold.held { "held" } else { "NOT HELD" };
            write!(out, "\n{word:<10}{}", threshold.threshold)?;
        }
        named(out, "missing", &alerts.missing)?;
        named(out, "doubled", &alerts.doubled)?;
        named(out, "invented", &alerts.invented)
    }
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, latency: Option<&Quantiles>) -> fmt::Result {
    let Some(latency) = latency else {
        return Ok(());
    };
    write!(out, "{name:<19}{:>12}", grouped(latency.count))?;
    for us in latency.shown() {
        let ms = Duration::from_micros(us).as_secs_f64() * 1e3;
        write!(out, "{ms:>10.2}")?;
    }
    writeln!(out)
}

fn named(out: &mut fmt::Formatter<'_>, word: &str, wrong: &Wrong) -> fmt::Result {
    for order in wrong.orders.iter().take(MOST_NAMED) {
        write!(out, "\n{word:<10}{order}")?;
    }
    let named = wrong.orders.len().min(MOST_NAMED) as u64;
    if wrong.count > named {
        write!(out, "\n{word:<10}and {} more", grouped(wrong.count - named))?;
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn round(rate: f64) -> String {
    grouped(rate.round() as u64)
}
