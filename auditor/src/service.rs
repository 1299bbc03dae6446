//! The auditor on a broker: its shards, its router, its words about them.

use std::sync::Arc;
use std::time::Duration;

use book::Settings;
use engine::{Config, Counters};
use program::Fault;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use topology::names;
use trade::{PUBLISHED_HEADER, READ_HEADER, TIME_HEADER};

use crate::flags::Flags;
use crate::machine::OverPurchase;
use crate::router::Router;
use crate::tally::Tally;

/// How long a stop waits for what is in flight.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How often -v says how far things are.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Books are kept this part of the TTL longer than promised: log time may differ from one
/// reading of a shard to the next by the distance of two marks, about a thirtieth of the
/// replayed part.
const GRACE_PART: u32 = 16;

/// Audits until stopped.
pub(crate) async fn audit(flags: &Flags, stop: CancellationToken) -> Result<(), Fault> {
    let endpoint = flags.broker.endpoint()?;
    let topology = flags.topology.load()?;
    let shards = topology
        .shards()
        .map_err(|error| Fault::Usage(error.to_string()))?;
    let name = flags.name.clone().unwrap_or_else(own_name);
    let tally = Arc::new(Tally::default());
    let counters = Arc::new(Counters::default());
    let settings = settings(
        flags,
        (flags.ttl / GRACE_PART).saturating_add(flags.max_skew),
    );
    let machine = {
        let tally = Arc::clone(&tally);
        move |shard| OverPurchase::new(shard, shards, settings.clone(), Arc::clone(&tally))
    };
    let router = Router {
        host: endpoint.clone(),
        name: name.clone(),
        shards,
        tally: Arc::clone(&tally),
        drain_within: DRAIN_WITHIN,
    };
    let config = config(flags, name, shards);
    // Whichever of the two fails takes the other down.
    let both = stop.child_token();
    let routed = async {
        if flags.no_router {
            return Ok(());
        }
        let outcome = router.run(both.clone()).await;
        if outcome.is_err() {
            both.cancel();
        }
        outcome
    };
    let audited = async {
        let outcome = engine::run(
            &endpoint,
            config,
            Arc::clone(&counters),
            machine,
            both.clone(),
        )
        .await;
        both.cancel();
        outcome
    };
    let reported = report(&tally, &counters, &both);
    let (routed, audited, ()) = tokio::join!(routed, audited, reported);
    let outcome = audited.and(routed);
    // Of one that failed before it did anything, the error alone is of interest.
    let is_idle = counters.snapshot().messages == 0 && Tally::get(&tally.routed) == 0;
    if outcome.is_ok() || !is_idle {
        say(&tally, &counters);
    }
    outcome.map_err(|error| needs_declaring(error, shards))
}

/// Books as the flags want them, kept `grace` longer.
pub(crate) fn settings(flags: &Flags, grace: Duration) -> Settings {
    let keep = flags.ttl.saturating_add(grace);
    Settings {
        ttl_us: i64::try_from(keep.as_micros()).unwrap_or(i64::MAX),
        max_books: flags.max_books as usize,
        hash_seed: random(),
    }
}

fn config(flags: &Flags, name: String, shards: u32) -> Config {
    Config {
        name,
        streams: (0..shards)
            .map(|shard| names::shard_stream(shards, shard))
            .collect(),
        progress_queues: (0..shards)
            .map(|shard| names::progress_queue(shards, shard))
            .collect(),
        exchanges: vec![
            names::shards_exchange(shards),
            names::ALERT.to_owned(),
            names::REJECTED.to_owned(),
        ],
        roster: names::AUDITORS.to_owned(),
        time_header: TIME_HEADER,
        stamp_headers: [READ_HEADER, PUBLISHED_HEADER],
        skew: flags.max_skew,
        prefetch: 256,
        progress_every: Duration::from_secs(1),
        renew_after: flags.renew_after,
        reluctance: flags.reluctance,
        drain_within: DRAIN_WITHIN,
    }
}

fn needs_declaring(error: broker::Error, shards: u32) -> Fault {
    let missing = matches!(error, broker::Error::Missing(_));
    let fault = anyhow::Error::from(error);
    Fault::Failed(if missing {
        fault.context(format!(
            "find the topology of {shards} shards on the broker: run the program declare (`env \
             declare apply`, because shells have a command of that name) with the same --topology \
             and --set"
        ))
    } else {
        fault
    })
}

/// Says what an operator must know soon, and with -v how far things are.
async fn report(tally: &Tally, counters: &Counters, stop: &CancellationToken) {
    let mut tick = interval(REPORT_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    let mut said = Said::default();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = tick.tick() => tracing::debug!(?tally, counters = ?counters.snapshot(), "so far"),
        }
        said.say_what_is_new(tally);
    }
}

/// What was said already.
#[derive(Default)]
struct Said {
    evicted: u64,
    rejected: u64,
}

impl Said {
    fn say_what_is_new(&mut self, tally: &Tally) {
        let evicted = Tally::get(&tally.evicted);
        if evicted > self.evicted {
            tracing::error!(
                evicted = evicted - self.evicted,
                "MORE BOOKS THAN --max-books: the oldest were ended before their time; their \
                 orders may miss an alert. Raise --max-books or lower --ttl"
            );
        }
        let (unreadable, conflicts, orphans, misplaced) = (
            Tally::get(&tally.unreadable),
            Tally::get(&tally.conflicts),
            Tally::get(&tally.orphans),
            Tally::get(&tally.misplaced_again),
        );
        let rejected = unreadable + conflicts + orphans + misplaced;
        if rejected > self.rejected {
            tracing::warn!(
                unreadable,
                conflicts,
                orphans,
                misplaced,
                "rejected so far: see {}",
                names::REJECTED
            );
        }
        *self = Said { evicted, rejected };
    }
}

fn say(tally: &Tally, counters: &Counters) {
    let get = Tally::get;
    let engine = counters.snapshot();
    tracing::info!(
        alerts = get(&tally.alerts),
        requests = get(&tally.requests),
        purchases = get(&tally.purchases),
        repeats = get(&tally.repeats),
        unreadable = get(&tally.unreadable),
        conflicts = get(&tally.conflicts),
        orphans = get(&tally.orphans),
        doubtful = get(&tally.doubtful),
        misplaced = get(&tally.misplaced),
        misplaced_again = get(&tally.misplaced_again),
        evicted = get(&tally.evicted),
        routed = get(&tally.routed),
        messages = engine.messages,
        replayed = engine.replayed,
        suppressed = engine.suppressed,
        effects = engine.effects,
        lost_to_retention = engine.lost_to_retention,
        "stopped; what was read again counts again"
    );
}

/// A name that no other auditor has.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!(
        "auditor-{}-{}-{:04x}",
        host.trim(),
        std::process::id(),
        random() & 0xffff
    )
}

/// A number that nobody outside knows: the standard library seeds its hash tables with one.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
