//! The keys that every channel has: retries, doubts, limits, and where the ledger is.

use std::time::Duration;

use ledger::Location;

use super::{OnInDoubt, Section};
use crate::{pace, retry::Retry, sink::Sink};

pub(super) fn on_in_doubt(section: &mut Section<'_>) -> OnInDoubt {
    let policies = [
        ("hold", OnInDoubt::Hold),
        ("resend", OnInDoubt::Resend),
        ("ask", OnInDoubt::Ask),
    ];
    let chosen = section.choice("on_in_doubt", &policies);
    chosen.unwrap_or(OnInDoubt::Hold)
}

pub(super) fn retry(section: &mut Section<'_>) -> Retry {
    let mut length = |key, seconds| {
        section
            .duration(key)
            .unwrap_or(Duration::from_secs(seconds))
    };
    let retry = Retry {
        first: length("retry_first", 1),
        longest: length("retry_longest", 300),
        give_up_after: length("give_up_after", 3600),
    };
    if retry.longest < retry.first {
        section.problem("retry_longest", "is shorter than retry_first");
    }
    retry
}

pub(super) fn limits(section: &mut Section<'_>) -> pace::Limits {
    let per_minute = section.integer("per_recipient_per_minute", 1..=10_000);
    pace::Limits {
        rate: parsed(section, "rate_limit"),
        per_minute: per_minute.and_then(|most| most.try_into().ok()),
        quiet: parsed(section, "quiet_hours"),
    }
}

fn parsed<T>(section: &mut Section<'_>, key: &str) -> Option<T>
where
    T: std::str::FromStr<Err = &'static str>,
{
    let read = section.text(key)?.parse();
    read.map_err(|words| section.problem(key, words)).ok()
}

/// `ledger` names a file or a URL without a password, `ledger_url_env` and `ledger_url_file` one
/// with it.
pub(super) fn ledger(section: &mut Section<'_>) -> Option<Location> {
    let plain = section.text("ledger");
    let hidden = section.has_secret("ledger_url");
    if plain.is_some() && hidden {
        let words = "and ledger_url_env or ledger_url_file are both given: leave one out";
        section.problem("ledger", words);
        return None;
    }
    let secret = section.secret("ledger_url");
    let ca_pem = section.file("ledger_ca_file");
    let key = if plain.is_some() {
        "ledger"
    } else {
        "ledger_url_env"
    };
    let text = plain.or(secret.as_ref().map(super::Secret::reveal))?;
    match Location::parse(text, ca_pem) {
        Ok(Location::File(path)) => Some(Location::File(section.beside(&path))),
        Ok(server) if plain.is_some() && server.has_password() => {
            let words = "has a password in it: use ledger_url_env or ledger_url_file";
            section.problem("ledger", words);
            None
        }
        Ok(server) => Some(server),
        Err(error) => {
            section.problem(key, &format!("is wrong: failed to {error}"));
            None
        }
    }
}

/// What the sink must be able to do for what the channel wants.
pub(super) fn check_sink(section: &mut Section<'_>, sink: &dyn Sink, on_in_doubt: OnInDoubt) {
    if on_in_doubt == OnInDoubt::Ask && !sink.can_ask() {
        let words = "is \"ask\", and this sink's provider cannot be asked: use \"hold\" or \
                     \"resend\"";
        section.problem("on_in_doubt", words);
    }
}
