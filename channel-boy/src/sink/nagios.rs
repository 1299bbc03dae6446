//! Passive check results for Nagios, by one of three ways in.
//!
//! | way | what happens | outcome |
//! |---|---|---|
//! | `command_file` | no such pipe, nobody reads it, it is full | not taken |
//! | | the whole line is written (at once, or not at all) | delivered: it is in Nagios's pipe |
//! | `nrdp` | no connection; 401, 403, 429; 503 with Retry-After; a wrong token | not taken |
//! | | 200 and status 0 | delivered |
//! | | any other status, any other 4xx | refused |
//! | | any other answer, none, nonsense | unknown |
//! | `nsca` | no connection, no whole greeting | not taken |
//! | | the whole packet is sent and the server closes in good order | delivered |
//! | | a loss or a silence after the packet's first byte | unknown |
//!
//! Nagios itself answers to none of them: a result for a host or service that it does not know
//! is dropped there with a line in its log, and an NSCA server drops what another password made.
//! `channel-boy test` and a look at Nagios show whether the names and the password are right.

mod command_file;
mod nrdp;
mod nsca;

use std::{sync::OnceLock, time::Duration};

use futures::future::BoxFuture;

use super::{Answer, Built, Kind, Letter, Sink, Threshold};
use crate::{
    config::Section,
    wording::{Style, Template},
};

pub(crate) const KIND: Kind = Kind {
    name: "nagios",
    build,
};

/// The recipient in the ledger: where Nagios is may change.
const RECIPIENT: &str = "nagios";

/// The states of a service, as plugins number them.
pub(super) const STATES: [(&str, u8); 4] =
    [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)];

/// The line that Nagios shows, with performance data behind the bar.
pub(super) const OUTPUT: &str = "\
{% if count > 1 %}
{{ count }} alerts:{% for a in alerts %} {{ a.alert_id }}{% endfor %} | alerts={{ count }}
{%- else %}
{{ summary }} for {{ client }}, alert {{ alert_id }} | \
excess={{ excess }} purchased={{ purchased }} requested={{ requested }}
{%- endif %}";

/// Alerts in one result: their ids fit into the shortest of the three outputs.
pub(super) const LARGEST_DIGEST: usize = 50;

/// The result of a check, as all three ways carry it.
struct CheckResult {
    host: String,
    service: String,
    /// 0 fine, 1 warning, 2 critical, 3 unknown.
    state: u8,
    output: String,
    /// Seconds since the epoch: the same at every attempt.
    time_s: i64,
}

/// A way in.
enum Way {
    CommandFile(command_file::CommandFile),
    Nrdp(nrdp::Nrdp),
    Nsca(nsca::Nsca),
}

struct Nagios {
    way: Way,
    host: Template,
    service: Template,
    output: Template,
    state: u8,
    largest_digest: OnceLock<usize>,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let ways = ["command_file", "nrdp", "nsca"].map(|way| (way, way));
    let word = section.choice("way", &ways);
    if word.is_none() && !section.has("way") {
        section.missing("way", "is one of: command_file, nrdp, nsca");
    }
    let state = section.choice("state", &STATES).unwrap_or(2);
    for key in ["host", "service"] {
        if !section.has(key) && !section.has(&format!("{key}_file")) {
            section.missing(key, "names what Nagios shows the alert for");
        }
    }
    let host = section.template("host", Style::Nagios, "{{ client }}");
    let service = section.template("service", Style::Nagios, "{{ stock }}");
    let output = section.template("output", Style::Nagios, OUTPUT);
    let way = match word? {
        "command_file" => Way::CommandFile(command_file::build(section)?),
        "nrdp" => Way::Nrdp(nrdp::build(section)?),
        _ => Way::Nsca(nsca::build(section)?),
    };
    Some(Built {
        sink: Box::new(Nagios {
            way,
            host: host?,
            service: service?,
            output: output?,
            state,
            largest_digest: OnceLock::new(),
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

impl Sink for Nagios {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let alerts = letter.named();
            let result = CheckResult {
                host: self.host.render(&alerts),
                service: self.service.render(&alerts),
                state: self.state,
                output: self.output.render(&alerts),
                time_s: letter.created_ms.div_euclid(1000),
            };
            match &self.way {
                Way::CommandFile(way) => way.send(result, threshold).await,
                Way::Nrdp(way) => way.send(&result, threshold).await,
                Way::Nsca(way) => way.send(&result, threshold).await,
            }
        })
    }

    fn longest_attempt(&self) -> Duration {
        match &self.way {
            Way::CommandFile(_) => command_file::PATIENCE,
            Way::Nrdp(way) => way.longest(),
            Way::Nsca(way) => way.longest(),
        }
    }

    fn longest_approach(&self) -> Duration {
        match &self.way {
            Way::CommandFile(_) => Duration::ZERO,
            Way::Nrdp(way) => way.longest_approach(),
            Way::Nsca(way) => way.longest_approach(),
        }
    }

    /// Alerts that go to a service each have no message in common.
    fn largest_digest(&self) -> usize {
        let count = || match self.host.is_fixed() && self.service.is_fixed() {
            true => Template::largest_digest(LARGEST_DIGEST, |alerts| self.output.render(alerts)),
            false => 1,
        };
        *self.largest_digest.get_or_init(count)
    }
}

#[cfg(test)]
mod tests;
