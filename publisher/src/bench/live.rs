//! The live line on a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};

use crate::bench::clock::{Clock, micros};
use crate::bench::progress::Progress;
use crate::summary::grouped;

const SHOW_EVERY: Duration = Duration::from_millis(500);

/// Shows how a run goes, on a terminal only.
pub(crate) struct Live {
    bar: ProgressBar,
    warm_up: Duration,
}

impl Live {
    /// For a run of this length; `quiet` shows nothing.
    pub(crate) fn new(warm_up: Duration, time: Duration, quiet: bool) -> Self {
        let bar = if quiet || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            let bar = ProgressBar::new(micros(warm_up + time));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        Self { bar, warm_up }
    }

    /// Shows the run until it is dropped.
    pub(crate) async fn show(self, clock: Clock, progress: &Progress) {
        if self.bar.is_hidden() {
            return std::future::pending().await;
        }
        let mut tick = interval(SHOW_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = (0, 0);
        loop {
            tick.tick().await;
            let (now_us, confirmed) = (clock.now_us(), progress.confirmed.get());
            let passed_us = now_us.saturating_sub(before.0).max(1);
            let rate = (confirmed - before.1).saturating_mul(1_000_000) / passed_us;
            before = (now_us, confirmed);
            self.bar.set_position(now_us);
            self.bar.set_message(self.words(now_us, rate, progress));
        }
    }

    fn words(&self, now_us: u64, rate: u64, progress: &Progress) -> String {
        let (alerts, latency) = {
            let received = progress.received();
            (received.alerts, received.due_to_alert.quantiles())
        };
        let latency = latency.map_or_else(String::new, |latency| {
            let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
            let (p50, p99, max) = (ms(latency.p50), ms(latency.p99), ms(latency.max));
            format!(", due to alert p50 {p50:.1}, p99 {p99:.1}, max {max:.1} ms")
        });
        let phase = match now_us < micros(self.warm_up) {
            true => "warming up",
            false => "measuring",
        };
        let open = progress.tipped.get().saturating_sub(alerts);
        format!(
            "{phase}: {} trades/s confirmed, {open} alerts to come{latency}",
            grouped(rate)
        )
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
