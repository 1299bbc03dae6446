//! Whether the ledger remembers for longer than a replay can reach back.

use std::time::Duration;

use program::{Fault, TopologyArgs};
use topology::Setting;

/// Refuses to keep entries for less time than the shards keep their trades, out of which a replay
/// raises alerts anew. Without a topology beside us their retention is not known.
///
/// # Errors
/// When it is too short.
pub(crate) fn check(keep: Duration, args: &TopologyArgs) -> Result<(), Fault> {
    if !args.topology.is_file() {
        tracing::debug!("no topology here: the shards' retention is not known");
        return Ok(());
    }
    let topology = match args.load() {
        Ok(topology) => topology,
        Err(_) => {
            tracing::warn!(
                topology = %args.topology.display(),
                "the topology is wrong, see `declare check`: the shards' retention is not known"
            );
            return Ok(());
        }
    };
    let ages = topology.queues.iter().filter_map(|queue| {
        match queue.value.arguments.get("x-max-age")? {
            Setting::Text(age) => parse(age),
            _ => None,
        }
    });
    match ages.max() {
        Some(age) if age > keep => Err(Fault::Usage(format!(
            "--keep {} is shorter than what the shards keep ({}, by {}): a replay could raise an \
             alert again that is forgotten here. Keep longer, or shorten shard_max_age",
            humantime::format_duration(keep),
            humantime::format_duration(age),
            args.topology.display()
        ))),
        _ => Ok(()),
    }
}

/// An age in the broker's units: "1D", "12h".
fn parse(age: &str) -> Option<Duration> {
    let (number, unit) = age.split_at_checked(age.len().checked_sub(1)?)?;
    let seconds = match unit {
        "Y" => 365 * 86_400,
        "M" => 30 * 86_400,
        "D" => 86_400,
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_the_broker_does() {
        assert_eq!(parse("1D"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse("90m"), Some(Duration::from_secs(5400)));
        for wrong in ["", "D", "1d", "é", "-1D", "1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
