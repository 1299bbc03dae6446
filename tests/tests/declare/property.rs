//! Random valid topologies: applied they are in sync, and a change by another client is named
//! exactly.

use std::fmt::Write;

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tests::Outcome;

use crate::world::{World, on_each};

/// The same topologies in each run, so that a failure can be looked at again.
const SEEDS: std::ops::Range<u64> = 0..6;

#[test]
fn what_is_applied_is_in_sync_and_one_change_is_named_exactly() -> Outcome {
    for seed in SEEDS {
        on_each(|world| round_trip(world, seed)).with_context(|| format!("with seed {seed}"))?;
    }
    Ok(())
}

fn round_trip(world: &World<'_>, seed: u64) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed);
    let drawn = Drawn::at_random(&mut random);
    world.topology(&drawn.file)?;
    world
        .declare(&["apply", "--yes"], 0)
        .context(drawn.file.clone())?;
    let pending = world.pending(0).context(drawn.file.clone())?;
    ensure!(pending.is_empty(), "{}\n{pending:?}", drawn.file);
    let expected = drawn.mutate(world, &mut random)?;
    let code = match expected.split(' ').next() {
        Some("conflict") => 11,
        Some("destroy") => 12,
        _ => 10,
    };
    let pending = world.pending(code)?;
    ensure!(
        pending == [expected.clone()],
        "{}\n{pending:?} and not {expected}",
        drawn.file
    );
    Ok(())
}

/// A topology that was drawn, and what the mutations need to know of it.
struct Drawn {
    file: String,
    exchanges: usize,
    queues: usize,
    policies: usize,
}

impl Drawn {
    fn at_random(random: &mut StdRng) -> Self {
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
        line("[manage]\nqueues = \"*\"\nexchanges = \"*\"\npolicies = \"*\"".to_owned());
        Self {
            file,
            exchanges,
            queues,
            policies,
        }
    }

    /// Changes one thing by another client, and says what the plan must say.
    fn mutate(&self, world: &World<'_>, random: &mut StdRng) -> anyhow::Result<String> {
        let queue = random.random_range(0..self.queues);
        let exchange = random.random_range(0..self.exchanges);
        let policy = random.random_range(0..self.policies);
        Ok(match random.random_range(0..5) {
            0 => {
                world.put("queues", "other", r#"{"durable":true}"#)?;
                "destroy queue other".to_owned()
            }
            1 => {
                world.delete("policies", &format!("p{policy}"))?;
                format!("create policy p{policy}")
            }
            2 => {
                let body = r#"{"pattern":"other","apply-to":"all","definition":{"expires":9}}"#;
                world.put("policies", &format!("p{policy}"), body)?;
                format!("change policy p{policy}")
            }
            3 => {
                let body = r#"{"routing_key":"other","arguments":{"x":false}}"#;
                world.bind(&format!("e%20{exchange}"), &format!("q%2F{queue}"), body)?;
                format!("destroy binding e {exchange} -> q/{queue} (key \"other\")")
            }
            _ => {
                let made = r#"{"type":"x-none","durable":true}"#.replace("x-none", "fanout");
                world.put("exchanges", "other", &made)?;
                "destroy exchange other".to_owned()
            }
        })
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
