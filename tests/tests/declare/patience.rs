//! What is waited for and for how long, and what is tried again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::ensure;
use private_broker::Release;
use tests::{Outcome, Start};

use crate::proxy::{Fate, Proxy};
use crate::world::{World, on, on_each};

const POLICY: &str = "[policy.p]\npattern = \"^q\"\ndefinition.expires = 1000\n";

/// `declare` that speaks to the management API through the proxy.
fn through(world: &World<'_>, proxy: &Proxy) -> anyhow::Result<Start> {
    let start = world.start()?;
    Ok(start.env("ALDEBARAN_MANAGEMENT_URL", proxy.url()))
}

/// Fails what begins so, the first two times.
fn twice(start: &'static str) -> impl Fn(&str, usize) -> Fate + Send + Sync {
    move |request, before| {
        if request.starts_with(start) && before < 2 {
            Fate::Answered("503 Service Unavailable")
        } else {
            Fate::Passed
        }
    }
}

#[test]
fn retries_what_is_safe_to_repeat_is_sent_again() -> Outcome {
    on_each(|world| {
        let api = world.admin()?.url();
        world.topology(&format!("{POLICY}[manage]\npolicies = \"*\""))?;
        let reading = Proxy::before(&api, twice("GET /api/policies"))?;
        through(world, &reading)?.arg("plan").run()?.with_code(10)?;
        ensure!(reading.count("GET /api/policies") == 3);
        let putting = Proxy::before(&api, twice("PUT"))?;
        let applied = through(world, &putting)?.args(["apply", "--yes"]).run()?;
        ensure!(
            applied
                .with_code(0)?
                .output
                .contains("created        policy    p")
        );
        ensure!(putting.count("PUT") == 3);
        world.topology("[manage]\npolicies = \"*\"")?;
        let deleting = Proxy::before(&api, twice("DELETE"))?;
        let pruned = through(world, &deleting)?.args(["prune", "--yes"]).run()?;
        ensure!(
            pruned
                .with_code(0)?
                .output
                .contains("destroyed      policy    p")
        );
        ensure!(deleting.count("DELETE") == 3);
        ensure!(world.list("policies")?.is_empty());
        Ok(())
    })
}

#[test]
fn retries_what_the_broker_refuses_is_not_asked_again() -> Outcome {
    on(Release::Installed, |world| {
        world.topology(POLICY)?;
        let refusing = Proxy::before(&world.admin()?.url(), |request, _| {
            if request.starts_with("PUT") {
                Fate::Answered("400 Bad Request")
            } else {
                Fate::Passed
            }
        })?;
        let told = through(world, &refusing)?.args(["apply", "--yes"]).run()?;
        ensure!(
            told.with_code(1)?
                .output
                .contains("failed         policy    p")
        );
        ensure!(refusing.count("PUT") == 1, "{}", refusing.count("PUT"));
        Ok(())
    })
}

#[test]
fn retries_a_binding_by_post_is_sent_once_and_the_next_run_goes_on() -> Outcome {
    on_each(|world| {
        world.put("queues", "q", r#"{"durable":true}"#)?;
        world.bind("amq.topic", "q", r#"{"routing_key":"a"}"#)?;
        world.stage.amqp()?.publish("", "q", "kept")?;
        world.topology("[queue.q]\ntype = \"quorum\"")?;
        let failing = Proxy::before(&world.admin()?.url(), twice("POST"))?;
        let arguments = ["apply", "--migrate", "--yes"];
        let broken = through(world, &failing)?
            .args(arguments)
            .run()?
            .with_code(1)?;
        ensure!(broken.log.contains("run it again"), "{}", broken.log);
        ensure!(failing.count("POST") == 1, "{}", failing.count("POST"));
        world.declare(&arguments, 0)?;
        ensure!(world.stage.amqp()?.take("q", 1)?.len() == 1);
        let bound = world.list("bindings")?;
        ensure!(
            bound.iter().any(|one| one["routing_key"] == "a"),
            "{bound:?}"
        );
        Ok(())
    })
}

#[test]
fn timeouts_an_api_that_accepts_and_stays_silent_is_given_up() -> Outcome {
    on(Release::Installed, |world| {
        world.topology(POLICY)?;
        let api = world.admin()?.url();
        for silent in ["GET /api/overview", "GET /api/queues"] {
            let proxy = Proxy::before(&api, move |request, _| {
                if request.starts_with(silent) {
                    Fate::Silence
                } else {
                    Fate::Passed
                }
            })?;
            let begun = Instant::now();
            let start = through(world, &proxy)?;
            let ended = start.args(["plan", "--timeout", "300ms"]).run()?;
            let told = ended.with_code(1)?.log;
            ensure!(told.contains("no answer in time"), "{silent}: {told}");
            ensure!(!told.contains("guest:guest"), "{told}");
            ensure!(begun.elapsed() < Duration::from_secs(20), "{silent}");
        }
        Ok(())
    })
}

#[test]
fn timeouts_a_broker_that_accepts_and_stays_silent_is_given_up() -> Outcome {
    on(Release::Installed, |world| {
        world.topology(POLICY)?;
        // The system accepts for it, and nobody ever says a word.
        let silent = TcpListener::bind("127.0.0.1:0")?;
        let amqp = format!("amqp://u:a-s3cret@{}/", silent.local_addr()?);
        for arguments in [&["plan"][..], &["apply", "--yes"], &["export"]] {
            let start = world.start()?.env("ALDEBARAN_AMQP_URL", &amqp);
            let start = start.args(arguments).args(["--timeout", "300ms"]);
            let told = start.run()?.with_code(1)?.log;
            ensure!(told.contains("no answer within 300ms"), "{told}");
            ensure!(!told.contains("s3cret"), "{told}");
        }
        Ok(())
    })
}

#[test]
fn changes_that_silently_do_not_apply_what_is_accepted_and_not_in_force_is_failed() -> Outcome {
    on_each(|world| {
        let file = format!("{POLICY}[policy.r]\npattern = \"r\"\ndefinition.expires = 5\n");
        world.topology(&file)?;
        let lying = Proxy::before(&world.admin()?.url(), |request, _| {
            if request.starts_with("PUT") && request.ends_with("/p") {
                Fate::Answered("204 No Content")
            } else {
                Fate::Passed
            }
        })?;
        let start = through(world, &lying)?.args(["apply", "--yes"]);
        let told = start.run()?.with_code(1)?.output;
        for words in [
            "failed         policy    p",
            "the broker took it without a word, and it is not in force",
            "created        policy    r",
        ] {
            ensure!(told.contains(words), "{words} is not in\n{told}");
        }
        Ok(())
    })
}
