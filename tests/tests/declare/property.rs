//! Random valid topologies: applied they are in sync, whatever another client changes is named
//! exactly, and it can be put right.

use std::fmt::Write;

use anyhow::{Context, ensure};
use private_broker::Release;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tests::Outcome;

use crate::mutation::MUTATIONS;
use crate::world::{World, on};

// The same topologies in each run, so that a failure can be looked at again.

#[test]
fn what_is_applied_is_in_sync_and_one_change_is_named_exactly() -> Outcome {
    round_trips(Release::Installed, 0..2)
}

#[test]
fn the_same_on_the_newer_release() -> Outcome {
    round_trips(Release::Debian13, 2..4)
}

fn round_trips(release: Release, seeds: std::ops::Range<u64>) -> Outcome {
    for seed in seeds {
        on(release, |world| round_trip(world, seed))
            .with_context(|| format!("with seed {seed}"))?;
    }
    Ok(())
}

fn round_trip(world: &World<'_>, seed: u64) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed);
    let drawn = Drawn::at_random(&mut random, world.vhost());
    world.topology(&drawn.file)?;
    let apply = || world.declare(&["apply", "--yes"], 0);
    apply().context(drawn.file.clone())?;
    let pending = world.pending(0).context(drawn.file.clone())?;
    ensure!(pending.is_empty(), "{}\n{pending:?}", drawn.file);
    let there = world.stage.objects()?;
    for (name, mutation) in MUTATIONS {
        let mut expected = mutation(world, &drawn, &mut random).context(name)?;
        let has = |word: &str| expected.iter().any(|one| one.starts_with(word));
        let code = match () {
            () if has("conflict") => 11,
            () if has("destroy") => 12,
            () => 10,
        };
        let mut pending = world.pending(code).context(name)?;
        expected.sort();
        pending.sort();
        ensure!(
            pending == expected,
            "{name}: {pending:?} and not {expected:?}\n{}",
            drawn.file
        );
        // A conflict goes when somebody deletes what is in the way; all else we put right.
        for conflict in expected
            .iter()
            .filter_map(|one| one.strip_prefix("conflict "))
        {
            let (kind, name) = conflict.split_once(' ').context("a kind and a name")?;
            world.delete(&format!("{kind}s"), &encoded(name))?;
        }
        apply().context(name)?;
        world.declare(&["prune", "--yes"], 0).context(name)?;
        ensure!(world.pending(0).context(name)?.is_empty(), "{name}");
        ensure!(world.stage.objects()? == there, "{name} is not put right");
    }
    world.admin()?.delete(&format!("/users/{}", drawn.user))?;
    Ok(())
}

/// A name as a part of a path.
pub(crate) fn encoded(name: &str) -> String {
    name.replace('%', "%25")
        .replace(' ', "%20")
        .replace('/', "%2F")
}

/// A topology that was drawn, and what the mutations need to know of it.
pub(crate) struct Drawn {
    file: String,
    pub(crate) exchanges: usize,
    pub(crate) queues: usize,
    pub(crate) policies: usize,
    pub(crate) user: String,
}

impl Drawn {
    fn at_random(random: &mut StdRng, vhost: &str) -> Self {
        let (exchanges, queues) = (random.random_range(1..4), random.random_range(1..6));
        let policies = random.random_range(1..3);
        let mut file = String::new();
        let mut line = |text: String| {
            let _ = writeln!(file, "{text}");
        };
        for i in 0..exchanges {
            let kind = ["direct", "topic", "fanout", "headers"][random.random_range(0..4)];
            line(format!("[exchange.\"e {i}\"]\ntype = \"{kind}\""));
            line(format!("durable = {}", random.random_bool(0.8)));
            line(format!("internal = {}", random.random_bool(0.2)));
            if random.random_bool(0.3) {
                line("arguments.alternate-exchange = \"amq.fanout\"".to_owned());
            }
            if i > 0 && random.random_bool(0.5) {
                line("bindings = [{ from = \"e 0\", key = \"on\" }]".to_owned());
            }
        }
        for i in 0..queues {
            let (kind, arguments) = queue(random);
            line(format!("[queue.\"q/{i}\"]\ntype = \"{kind}\""));
            for argument in arguments {
                line(format!("arguments.{argument}"));
            }
            line("bindings = [".to_owned());
            for key in 0..random.random_range(1..4) {
                let from = random.random_range(0..exchanges);
                let arguments = [
                    "",
                    ", arguments = { n = 7 }",
                    ", arguments = { t = \"é\", b = true }",
                ][random.random_range(0..3)];
                line(format!(
                    "  {{ from = \"e {from}\", key = \"k.{key}\"{arguments} }},"
                ));
            }
            line("]".to_owned());
        }
        for i in 0..policies {
            let apply = ["all", "queues", "exchanges"][random.random_range(0..3)];
            let definition = if apply == "exchanges" {
                "alternate-exchange = \"amq.direct\"".to_owned()
            } else {
                format!("max-length = {}", random.random_range(1..1000))
            };
            line(format!(
                "[policy.p{i}]\npattern = \"^{i}\"\napply-to = \"{apply}\"\npriority = {i}\n\
                 definition.{definition}"
            ));
        }
        let user = format!("{vhost}-drawn");
        line(format!(
            "[operator-policy.o]\npattern = \"^x\"\ndefinition.expires = {}\n\
             [vhost.\"{vhost}\"]\nlimits.max-connections = {}\n\
             [user.\"{user}\"]\ntags = [\"monitoring\"]\n\
             [permission.\"{user}\"]\nconfigure = \"\"\nwrite = \"^{user}\"\nread = \".*\"\n\
             [topic-permission.\"{user}\".\"amq.topic\"]\nwrite = \"^a\"\nread = \".*\"\n\
             [parameter.\"federation-upstream\".up]\nvalue.uri = \"amqp://localhost\"\n\
             value.max-hops = 2\n\
             [manage]\nqueues = \"*\"\nexchanges = \"*\"\npolicies = \"*\"\noperator-policies = \"*\"\n\
             parameters = \"*\"\npermissions = \"{user}\"\ntopic-permissions = \"{user}\"",
            random.random_range(1000..9000),
            random.random_range(100..900),
        ));
        Self {
            file,
            exchanges,
            queues,
            policies,
            user,
        }
    }
}

/// A kind of queue, and arguments that fit it.
fn queue(random: &mut StdRng) -> (&'static str, Vec<String>) {
    let number = random.random_range(1..100_000);
    let (kind, possible) = [
        (
            "classic",
            vec![
                "x-max-length = N",
                "x-message-ttl = N",
                "x-max-priority = 5",
                "x-dead-letter-exchange = \"amq.fanout\"",
                "x-single-active-consumer = true",
            ],
        ),
        (
            "quorum",
            vec![
                "x-delivery-limit = N",
                "x-expires = 1000000",
                "x-overflow = \"reject-publish\"",
            ],
        ),
        (
            "stream",
            vec!["x-max-age = \"7D\"", "x-max-length-bytes = \"1GB\""],
        ),
    ][random.random_range(0..3)]
    .clone();
    let chosen = possible.into_iter().filter(|_| random.random_bool(0.5));
    let number = number.to_string();
    (kind, chosen.map(|one| one.replace('N', &number)).collect())
}
