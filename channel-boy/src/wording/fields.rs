//! What a template can say: the variables, cleaned for the place where they end up.

use minijinja::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trade::{Alert, OVER_PURCHASE};

use super::{one_line, template::Style};

/// The variables of one alert.
pub(super) const OF_ALERT: [&str; 12] = [
    "alert_id",
    "short_id",
    "kind",
    "order_id",
    "client",
    "stock",
    "requested",
    "purchased",
    "excess",
    "tipped_by",
    "raised_at",
    "summary",
];

/// The variables beside those of the (first) alert.
pub(super) const BESIDE: [&str; 2] = ["alerts", "count"];

/// How strings from strangers are cleaned: for a place, and cut at so many characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clean {
    pub(super) style: Style,
    pub(super) limit: usize,
}

impl Clean {
    /// A stranger's string as it may stand in the text.
    pub(super) fn clean(self, text: &str) -> String {
        let line = one_line(text, self.limit);
        match self.style {
            Style::Plain | Style::Html => line,
            // One character beyond GSM's own alphabet would halve what a segment holds.
            Style::Sms => line.replace('\u{fffd}', "?").replace('…', ".."),
            // What separates fields, long output and performance data, and what Nagios would
            // cut out or expand.
            Style::Nagios => line.replace([';', '|', '\\', '`', '$', '<', '>'], "_"),
        }
    }
}

/// All variables: those of the first alert, `alerts` with all of them, and `count`.
pub(super) fn all(alerts: &[&Alert], clean: Clean) -> Value {
    let each: Vec<Value> = alerts
        .iter()
        .map(|alert| Value::from_pairs(of(alert, clean)))
        .collect();
    let mut fields = alerts.first().map_or(Vec::new(), |a| of(a, clean));
    if let ([first, _, ..], Some(summary)) = (alerts, fields.last_mut()) {
        let (count, first) = (alerts.len(), summary_of(first, clean));
        *summary = (
            "summary",
            format!("{count} alerts, the first: {first}").into(),
        );
    }
    fields.push(("count", alerts.len().into()));
    fields.push(("alerts", Value::from(each)));
    Value::from_pairs(fields)
}

fn of(alert: &Alert, clean: Clean) -> Vec<(&'static str, Value)> {
    let alert_id = alert.alert_id.to_string();
    let text = |text: &str| Value::from(clean.clean(text));
    let values: [Value; OF_ALERT.len()] = [
        alert_id.as_str().into(),
        alert_id[..8].into(),
        text(&alert.kind),
        text(&alert.order_id),
        text(&alert.client),
        text(&alert.stock),
        alert.requested.into(),
        alert.purchased.into(),
        alert.excess.into(),
        text(&alert.tipped_by),
        alert
            .raised_time_us
            .and_then(utc)
            .unwrap_or_default()
            .into(),
        summary_of(alert, clean).into(),
    ];
    OF_ALERT.into_iter().zip(values).collect()
}

/// What happened, in some words.
fn summary_of(alert: &Alert, clean: Clean) -> String {
    let (order, stock) = (clean.clean(&alert.order_id), clean.clean(&alert.stock));
    if alert.kind == OVER_PURCHASE {
        let (purchased, requested) = (alert.purchased, alert.requested);
        format!("Over-purchased: order {order}, {purchased} of {requested} {stock}")
    } else {
        format!("{}: order {order}, {stock}", clean.clean(&alert.kind))
    }
}

fn utc(time_us: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1000).ok()?;
    time.format(&Rfc3339).ok()
}
