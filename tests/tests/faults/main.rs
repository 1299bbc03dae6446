//! The whole system under load while everything in it is killed, paused and started again.
//!
//! `make test` runs it for a short while, `make soak` for long. The order of the faults comes
//! from a seed, which a failure tells: `ALDEBARAN_SEED=17 ALDEBARAN_SECONDS=60`
//! `ALDEBARAN_RATE=20000 cargo test --release -p tests --test faults`.

mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use private_broker::{PrivateBroker, Release};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tests::{
    Outcome, Program, Stage, Webhook, fenced_alerts, none_missed, on_a_stage_with_its_broker,
    within,
};
use topology::names::{AUDITORS, shards_exchange};
use trade::Alert;

use run::{Run, chunk_file};

const SHARDS: u32 = 4;

/// What the witness reads; the channel-boy reads `webhook`.
const WITNESS: &str = "Aldebaran.Alert.stdout";

/// More auditors than shards, so that there are spares.
const AUDITORS_AT_MOST: usize = 5;

/// Longer than any pause and than a restart of the broker, so that each order lies within it.
const TTL: &str = "45s";

/// Each load has the machine to itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn whatever_is_killed_or_paused_each_over_purchased_order_alerts_and_is_delivered_once() -> Outcome
{
    under_fire(Release::Installed, &Run::from_environment())
}

#[test]
fn the_same_for_a_short_while_on_the_newer_release() -> Outcome {
    let run = Run {
        seconds: 8,
        ..Run::from_environment()
    };
    under_fire(Release::Debian13, &run)
}

fn under_fire(release: Release, run: &Run) -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{release:?} {run:?}");
    on_a_stage_with_its_broker(release, |stage, broker| {
        stage.declare(&[])?;
        let expected = run.make_trades(stage)?;
        let webhook = Webhook::start(stage.folder())?;
        let mut company = Company::start(stage, run, &webhook)?;
        company.trade_under_fire(broker)?;
        company.mend()?;

        let amqp = stage.amqp()?;
        let mut bodies: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
        let alerts = fenced_alerts(&amqp, &shards_exchange(SHARDS), SHARDS, WITNESS)?;
        let published = alerts.len();
        for alert in alerts {
            let order = Alert::from_json(&alert.body)?.order_id;
            bodies.entry(order).or_default().insert(alert.body);
        }
        let alerted: BTreeSet<_> = bodies.keys().cloned().collect();
        let missed = expected.difference(&alerted).cloned().collect();
        let invented: Vec<_> = alerted.difference(&expected).collect();
        none_missed(&amqp, WITNESS, &missed).with_context(|| format!("{run:?}"))?;
        ensure!(
            invented.is_empty(),
            "{} invented: {invented:?}, {run:?}",
            invented.len()
        );
        let different: Vec<_> = bodies.values().filter(|bodies| bodies.len() > 1).collect();
        ensure!(
            different.is_empty(),
            "bodies that differ: {different:?}, {run:?}"
        );

        // The fence's own alerts are delivered too.
        let all = expected.len() + SHARDS as usize;
        let delivered = within(Duration::from_secs(120), "all alerts are delivered", || {
            (webhook.count().ok()? >= all).then_some(())
        });
        delivered.with_context(|| format!("{} of {all}", webhook.count().unwrap_or_default()))?;
        company.stop()?;
        let mut orders = BTreeSet::new();
        for post in webhook.posts()? {
            let body = post["body"].as_str().context("a body")?;
            let order = Alert::from_json(body.as_bytes())?.order_id;
            ensure!(
                orders.insert(order.clone()),
                "{order} was delivered twice, {run:?}"
            );
        }
        ensure!(orders.len() == all, "{} instead of {all}", orders.len());
        eprintln!(
            "{} orders over-purchased, {published} alerts published, each order delivered once",
            expected.len()
        );
        Ok(())
    })
}

/// All processes but the broker.
struct Company<'a> {
    stage: &'a Stage,
    run: &'a Run,
    random: StdRng,
    auditors: Vec<Program>,
    paused: Vec<(Program, Instant)>,
    channel_boy: Option<Program>,
    channels: PathBuf,
    began: Instant,
}

impl<'a> Company<'a> {
    fn start(stage: &'a Stage, run: &'a Run, webhook: &Webhook) -> Result<Self> {
        let mut company = Company {
            stage,
            run,
            random: StdRng::seed_from_u64(run.seed),
            auditors: Vec::new(),
            paused: Vec::new(),
            channel_boy: None,
            channels: stage.file("channels.toml", webhook.channel("webhook"))?,
            began: Instant::now(),
        };
        company.start_auditor()?;
        company.start_auditor()?;
        company.start_channel_boy()?;
        stage.amqp()?.has_consumers(AUDITORS, 2)?;
        Ok(company)
    }

    fn start_auditor(&mut self) -> Result<()> {
        let auditor = self
            .stage
            .program("auditor")?
            .args(["--ttl", TTL])
            .start()?;
        self.auditors.push(auditor);
        Ok(())
    }

    fn start_channel_boy(&mut self) -> Result<()> {
        let program = self
            .stage
            .program("channel-boy")?
            .args(["--channel", "webhook"]);
        let program = program
            .arg("--ledger")
            .arg(self.stage.folder().join("webhook.ledger"));
        self.channel_boy = Some(program.arg("--config").arg(&self.channels).start()?);
        Ok(())
    }

    /// Publishes everything while something happens every 1 to 3 s.
    fn trade_under_fire(&mut self, broker: &mut PrivateBroker) -> Outcome {
        let broker_dies_in = self.random.random_range(0..self.run.chunks().max(2) / 2) + 1;
        let mut next_fault = Instant::now();
        for chunk in 0..self.run.chunks() {
            let mut publisher = self.start_publisher(chunk)?;
            let mut broker_is_due = chunk == broker_dies_in;
            while publisher.is_running()? {
                if std::mem::take(&mut broker_is_due) {
                    self.say("the broker is killed");
                    broker.kill()?;
                    broker.start_again()?;
                    self.say("the broker is back");
                }
                if Instant::now() >= next_fault {
                    next_fault = Instant::now()
                        + Duration::from_millis(self.random.random_range(1000..3000));
                    if self.random.random_bool(0.2) {
                        self.say("a publisher is killed and begins its chunk again");
                        publisher.kill()?;
                        publisher = self.start_publisher(chunk)?;
                    } else {
                        self.strike()?;
                    }
                }
                self.wake_those_who_slept_enough()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            publisher.finish(Duration::from_secs(1))?.successful()?;
        }
        Ok(())
    }

    fn start_publisher(&self, chunk: usize) -> Result<Program> {
        let rate = self.run.rate.to_string();
        let publisher = self
            .stage
            .program("publisher")?
            .args(["--to", "shards", "--rate", &rate]);
        publisher
            .arg("--file")
            .arg(chunk_file(self.stage, chunk))
            .start()
    }

    /// One fault.
    fn strike(&mut self) -> Outcome {
        let victim = self.random.random_range(0..self.auditors.len().max(1));
        match self.random.random_range(0..10) {
            0..=3 if !self.auditors.is_empty() => {
                self.say("an auditor is killed");
                self.auditors.swap_remove(victim).kill()
            }
            4 if !self.auditors.is_empty() => {
                self.say("an auditor is paused");
                let auditor = self.auditors.swap_remove(victim);
                auditor.pause()?;
                self.paused.push((auditor, Instant::now()));
                Ok(())
            }
            5 if !self.auditors.is_empty() => {
                self.say("an auditor is stopped");
                self.auditors
                    .swap_remove(victim)
                    .terminate()?
                    .successful()?;
                Ok(())
            }
            6 => {
                self.say("the channel-boy is stopped and started");
                if let Some(channel_boy) = self.channel_boy.take() {
                    channel_boy.terminate()?.successful()?;
                }
                self.start_channel_boy()
            }
            _ if self.auditors.len() + self.paused.len() < AUDITORS_AT_MOST => {
                self.say("an auditor is started");
                self.start_auditor()
            }
            _ => Ok(()),
        }
    }

    /// A paused auditor goes on after others had time to take its shards.
    fn wake_those_who_slept_enough(&mut self) -> Outcome {
        let enough = Duration::from_secs(self.random.random_range(5..25));
        if let Some(place) = self
            .paused
            .iter()
            .position(|(_, since)| since.elapsed() > enough)
        {
            self.say("a paused auditor goes on");
            let (auditor, _) = self.paused.swap_remove(place);
            auditor.resume()?;
            self.auditors.push(auditor);
        }
        Ok(())
    }

    /// From now on nothing happens any more.
    fn mend(&mut self) -> Outcome {
        for (auditor, _) in std::mem::take(&mut self.paused) {
            auditor.resume()?;
            self.auditors.push(auditor);
        }
        self.start_auditor()?;
        self.say("nothing happens any more");
        Ok(())
    }

    fn stop(&mut self) -> Outcome {
        for program in self.auditors.drain(..).chain(self.channel_boy.take()) {
            program.terminate()?.successful()?;
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        eprintln!("{:6.1} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
