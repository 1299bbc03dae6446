//! Measures how fast a topology is planned and applied, beside what the broker can do.
//!
//! `target/release/declares [QUEUES..]`: 1,000 and 10,000 classic queues with a binding each, on a
//! private broker of each release (or the one that `ALDEBARAN_RELEASE` names, 3 or 4). The limit
//! is a plain client that has as many declarations in flight, in the same run on the same broker.
//! Ends with 1 when 10,000 queues miss a target: a plan in 3 s, `apply` in 20 s and at half the
//! limit at least, an `apply` of nothing in 3 s.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::{join_all, try_join_all};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use private_broker::{PrivateBroker, Release, Settings};
use tests::{Start, binary};

/// What the plain client has in flight: channels, and declarations on each.
const CHANNELS: usize = 4;
const IN_FLIGHT: usize = 128;

/// Longer than anything takes on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(300);

/// The size that the targets speak of.
const TARGETED: usize = 10_000;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What `declare` took.
struct Took {
    plan: Duration,
    apply: Duration,
    in_sync: Duration,
    no_op: Duration,
    /// The most memory that one of them had.
    peak_bytes: u64,
}

fn measure() -> Result<()> {
    let sizes: Result<Vec<usize>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let sizes = Some(sizes?).filter(|sizes| !sizes.is_empty());
    let sizes = sizes.unwrap_or_else(|| vec![1_000, TARGETED]);
    let releases = match std::env::var("ALDEBARAN_RELEASE").as_deref() {
        Ok("3") => vec![Release::Installed],
        Ok("4") => vec![Release::Debian13],
        _ => vec![Release::Installed, Release::Debian13],
    };
    println!("classic queues, a binding each; seconds, and MB of memory at most");
    println!(
        "{:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12} {:>8}",
        "release", "queues", "limit", "plan", "apply", "in sync", "no-op", "of the limit", "MB"
    );
    let mut missed = Vec::new();
    for release in releases {
        let broker = PrivateBroker::start(&Settings {
            release,
            management: true,
            ..Settings::default()
        })?;
        for &queues in &sizes {
            let limit = plain_client(&broker, queues)?.as_secs_f64();
            let took = declare(&broker, queues)?;
            let [plan, apply, in_sync, no_op] =
                [took.plan, took.apply, took.in_sync, took.no_op].map(|one| one.as_secs_f64());
            let ratio = limit / apply;
            println!(
                "{:<10} {queues:>8} {limit:>8.2} {plan:>8.2} {apply:>8.2} {in_sync:>8.2} {no_op:>8.2} {:>11.0}% {:>8.0}",
                format!("{release:?}"),
                100.0 * ratio,
                took.peak_bytes as f64 / 1e6
            );
            let met = plan.max(in_sync).max(no_op) < 3.0 && apply < 20.0 && ratio >= 0.5;
            if queues == TARGETED && !met {
                missed.push(format!("{release:?}"));
            }
        }
    }
    ensure!(
        missed.is_empty(),
        "meet the targets on {}",
        missed.join(", ")
    );
    Ok(())
}

/// A vhost in which the administrator may do everything, and its AMQP URL.
fn vhost(broker: &PrivateBroker, name: &str) -> Result<String> {
    broker.management()?.put(&format!("/vhosts/{name}"), "{}")?;
    Ok(broker.url().replace("/%2f", &format!("/{name}")))
}

/// The same queues and bindings by a client that only declares.
fn plain_client(broker: &PrivateBroker, queues: usize) -> Result<Duration> {
    let url = vhost(broker, &format!("limit-{queues}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (direct, none) = (ExchangeKind::Direct, FieldTable::default());
        channel
            .exchange_declare("e".into(), direct, durable, none)
            .await?;
        let begun = Instant::now();
        for bind in [false, true] {
            let share = queues.div_ceil(CHANNELS);
            let shares = (0..CHANNELS).map(|share_of| {
                let share = share_of * share..queues.min((share_of + 1) * share);
                one_share(&connection, share, bind)
            });
            try_join_all(shares).await?;
        }
        Ok(begun.elapsed())
    })
}

async fn one_share(
    connection: &Connection,
    share: std::ops::Range<usize>,
    bind: bool,
) -> Result<()> {
    let channel = connection.create_channel().await?;
    let numbers: Vec<usize> = share.collect();
    for flight in numbers.chunks(IN_FLIGHT) {
        let sent = flight.iter().map(async |number| {
            let name = format!("q{number}");
            if bind {
                let (options, none) = (QueueBindOptions::default(), FieldTable::default());
                let key = name.as_str().into();
                return channel
                    .queue_bind(name.as_str().into(), "e".into(), key, options, none)
                    .await;
            }
            let options = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let mut arguments = FieldTable::default();
            arguments.insert(
                "x-queue-type".into(),
                AMQPValue::LongString("classic".into()),
            );
            arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1000));
            let declared = channel
                .queue_declare(name.as_str().into(), options, arguments)
                .await;
            declared.map(|_| ())
        });
        join_all(sent)
            .await
            .into_iter()
            .collect::<Result<Vec<()>, _>>()?;
    }
    Ok(())
}

/// `plan` of nothing, `apply`, `plan` in sync, and `apply` once more.
fn declare(broker: &PrivateBroker, queues: usize) -> Result<Took> {
    let url = vhost(broker, &format!("declared-{queues}"))?;
    let file = broker.folder().join("big.toml");
    std::fs::write(
        &file,
        format!(
            "[exchange.e]\ntype = \"direct\"\n[queue.\"q${{i}}\"]\nfor.i = \"0..{queues}\"\n\
             type = \"classic\"\narguments.x-max-length = 1000\n\
             bindings = [{{ from = \"e\", key = \"q${{i}}\" }}]\n"
        ),
    )?;
    let mut peak_bytes = 0;
    let mut run = |arguments: &[&str], code: i32| -> Result<Duration> {
        let start = Start::new("declare", binary("declare")?, broker.folder());
        let start = start.env("ALDEBARAN_AMQP_URL", &url);
        let start = start.env("ALDEBARAN_MANAGEMENT_URL", broker.management()?.url());
        let start = start.env("ALDEBARAN_TOPOLOGY", &file);
        let begun = Instant::now();
        let mut running = start.args(arguments).start()?;
        peak_bytes = peak_bytes.max(running.peak_bytes(PATIENCE)?);
        let took = begun.elapsed();
        running.finish(PATIENCE)?.with_code(code)?;
        Ok(took)
    };
    Ok(Took {
        plan: run(&["plan"], 10)?,
        apply: run(&["apply", "--yes"], 0)?,
        in_sync: run(&["plan"], 0)?,
        no_op: run(&["apply"], 0)?,
        peak_bytes,
    })
}
