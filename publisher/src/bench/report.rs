//! The figures of a run.

use broker::Server;
use serde::Serialize;

use crate::bench::accounts::Balance;
use crate::bench::clock::micros;
use crate::bench::latency::Quantiles;
use crate::bench::load::Load;
use crate::bench::options::BenchOptions;
use crate::bench::session::Outcome;
use crate::options::To;
use crate::route::Route;

/// The version of the JSON. What is added does not change it.
const SCHEMA: &str = "aldebaran-bench/1";

/// All that is told of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    /// `pipeline`, or `limit` with the plain consumer instead of auditors.
    pub(crate) mode: &'static str,
    broker: String,
    pub(crate) load: LoadFigures,
    pub(crate) trades: TradeFigures,
    pub(crate) rate: RateFigures,
    pub(crate) latency_us: Latencies,
    pub(crate) alerts: Balance,
    pub(crate) thresholds: Vec<Threshold>,
    /// Whether it was stopped before its time.
    pub(crate) stopped: bool,
    /// Whether every alert is accounted for, every message confirmed, and every threshold held.
    passed: bool,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct LoadFigures {
    /// `shards` or `front-door`.
    to: &'static str,
    shards: Option<u32>,
    producers: u32,
    batch: usize,
    batch_bytes: usize,
    linger_us: u64,
    confirm: u32,
    /// Alerts awaited at most; `null`: no limit.
    awaited: Option<u32>,
    over_purchased: f64,
    purchases: u64,
    pub(crate) seed: u64,
    warm_up_us: u64,
    time_us: u64,
    /// Rates (trades/s) and how long each lasts, if it changes.
    variable_rate: Vec<(f64, u64)>,
}

/// What was sent, warm-up included but for `measured`.
#[derive(Debug, Serialize)]
pub(crate) struct TradeFigures {
    pub(crate) sent: u64,
    pub(crate) orders: u64,
    /// Sent in the measured time, and confirmed.
    pub(crate) measured: u64,
    /// Planned, and not sent when the time was over; not told of a run that was stopped.
    pub(crate) unsent: u64,
    pub(crate) messages: u64,
    pub(crate) resent_messages: u64,
    pub(crate) unconfirmed_messages: u64,
}

/// Trades per second over what is measured.
#[derive(Debug, Serialize)]
pub(crate) struct RateFigures {
    /// `null`: as fast as the broker confirms, and `awaited` allows.
    pub(crate) asked: Option<f64>,
    /// Until the last confirm.
    pub(crate) confirmed: f64,
    /// Until the last confirm and the last alert.
    pub(crate) end_to_end: f64,
}

/// In microseconds; `null` where nothing was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Latencies {
    pub(crate) due_to_alert: Option<Quantiles>,
    pub(crate) publish_to_alert: Option<Quantiles>,
    pub(crate) publish_to_read: Option<Quantiles>,
    pub(crate) alert_to_received: Option<Quantiles>,
    pub(crate) due_to_publish: Option<Quantiles>,
    pub(crate) publish_to_confirm: Option<Quantiles>,
    pub(crate) due_to_confirm: Option<Quantiles>,
}

/// What a run had to reach.
#[derive(Debug, Serialize)]
pub(crate) struct Threshold {
    /// As on the command line.
    pub(crate) threshold: String,
    /// Microseconds, or trades per second; `null` where nothing was measured.
    pub(crate) measured: Option<f64>,
    pub(crate) held: bool,
}

impl Report {
    pub(crate) fn new(
        wanted: &BenchOptions,
        load: &Load,
        route: &Route,
        server: &Server,
        outcome: Outcome,
        stopped: bool,
    ) -> Self {
        let rate = RateFigures::of(&outcome, load, stopped);
        let Outcome { sent, .. } = outcome;
        let service = &sent.service;
        let latency_us = Latencies {
            due_to_alert: outcome.due_to_alert.quantiles(),
            publish_to_alert: outcome.publish_to_alert.quantiles(),
            publish_to_read: outcome.publish_to_read.quantiles(),
            alert_to_received: outcome.alert_to_received.quantiles(),
            due_to_publish: service.due_to_publish.quantiles(),
            publish_to_confirm: service.publish_to_confirm.quantiles(),
            due_to_confirm: service.due_to_confirm.quantiles(),
        };
        let trades = TradeFigures {
            sent: sent.trades,
            orders: sent.orders,
            measured: service.measured,
            unsent: match stopped {
                true => 0,
                false => load.unsent(sent.trades),
            },
            messages: sent.messages.messages,
            resent_messages: sent.messages.resent,
            unconfirmed_messages: sent.unconfirmed as u64,
        };
        let mut report = Self {
            schema: SCHEMA,
            mode: if wanted.limit { "limit" } else { "pipeline" },
            broker: format!("{} {}", server.product, server.version),
            load: LoadFigures::of(wanted, load, route),
            thresholds: thresholds(wanted, &latency_us, &rate),
            trades,
            rate,
            latency_us,
            alerts: outcome.balance,
            stopped,
            passed: false,
        };
        report.passed = report.fault().is_none() && report.broken().is_empty();
        report
    }

    /// Why the run failed, whatever its figures are.
    pub(crate) fn fault(&self) -> Option<String> {
        let Balance {
            expected,
            missing,
            doubled,
            invented,
            ..
        } = &self.alerts;
        let trades = &self.trades;
        if trades.unconfirmed_messages > 0 {
            return Some(format!(
                "publish everything: {} messages are not confirmed",
                trades.unconfirmed_messages
            ));
        }
        let hint = if doubled.count > 0 {
            " (did an auditor begin anew? It repeats alerts under their ids, and channel-boy, which \
             would deliver each once, has no part in this run)"
        } else {
            ""
        };
        (!self.alerts.is_even()).then(|| {
            format!(
                "account for every alert: of {expected} expected {} are missing; {} orders \
                 alerted more than once{hint}, {} without reason",
                missing.count, doubled.count, invented.count
            )
        })
    }

    /// The thresholds that did not hold.
    pub(crate) fn broken(&self) -> Vec<&Threshold> {
        self.thresholds.iter().filter(|one| !one.held).collect()
    }
}

impl LoadFigures {
    fn of(wanted: &BenchOptions, load: &Load, route: &Route) -> Self {
        let phases = wanted.variable_rate.iter();
        Self {
            to: match wanted.to {
                To::Shards => "shards",
                To::FrontDoor => "front-door",
            },
            shards: route.shards,
            producers: load.producers,
            batch: route.limits.trades,
            batch_bytes: route.limits.bytes,
            linger_us: route.limits.linger_us,
            confirm: wanted.confirm,
            awaited: wanted.awaited,
            over_purchased: wanted.over_purchased.get(),
            purchases: wanted.purchases,
            seed: load.seed,
            warm_up_us: micros(load.warm_up),
            time_us: micros(load.time),
            variable_rate: phases
                .map(|phase| (phase.per_second, micros(phase.lasts)))
                .collect(),
        }
    }
}

impl RateFigures {
    #[allow(clippy::cast_precision_loss)]
    fn of(outcome: &Outcome, load: &Load, stopped: bool) -> Self {
        let service = &outcome.sent.service;
        // A schedule may end with a pause.
        let least_us = match stopped || load.plan.is_none() {
            true => 1,
            false => micros(load.time),
        };
        let until = |last_us: u64| {
            let took_us = outcome.clock.measured_us(last_us).max(least_us);
            service.measured as f64 * 1e6 / took_us as f64
        };
        Self {
            asked: load.asked(),
            confirmed: until(service.last_us),
            end_to_end: until(service.last_us.max(outcome.last_alert_us)),
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn thresholds(wanted: &BenchOptions, latency: &Latencies, rate: &RateFigures) -> Vec<Threshold> {
    let latency = latency.due_to_alert.as_ref();
    let ceilings = wanted.fail_above.iter().map(|ceiling| Threshold {
        threshold: ceiling.to_string(),
        measured: ceiling.measured_us(latency).map(|us| us as f64),
        held: ceiling.holds(latency),
    });
    let floors = wanted.fail_below.iter().map(|floor| Threshold {
        threshold: floor.to_string(),
        measured: Some(rate.end_to_end),
        held: floor.holds(rate.end_to_end),
    });
    ceilings.chain(floors).collect()
}
