//! Measures how fast a topology is planned and applied, beside what the broker can do.
//!
//! `target/release/declares [QUEUES]`: 10,000 classic queues with a binding each, on a private
//! broker of each release (or the one that `ALDEBARAN_RELEASE` names, 3 or 4). The limit is a
//! plain client that has as many declarations in flight, in the same run on the same broker.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use private_broker::{PrivateBroker, Release, Settings};
use tests::binary;

/// What the plain client has in flight: channels, and declarations on each.
const CHANNELS: usize = 4;
const IN_FLIGHT: usize = 128;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let queues = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    let releases = match std::env::var("ALDEBARAN_RELEASE").as_deref() {
        Ok("3") => vec![Release::Installed],
        Ok("4") => vec![Release::Debian13],
        _ => vec![Release::Installed, Release::Debian13],
    };
    println!("{queues} classic queues, a binding each; seconds");
    println!(
        "{:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "release", "limit", "plan", "apply", "in sync", "no-op", "of the limit"
    );
    for release in releases {
        let broker = PrivateBroker::start(Settings {
            release,
            management: true,
            ..Settings::default()
        })?;
        let limit = plain_client(&broker, queues)?;
        let [plan, apply, in_sync, no_op] = declare(&broker, queues)?.map(|one| one.as_secs_f64());
        let limit = limit.as_secs_f64();
        println!(
            "{:<10} {limit:>8.2} {plan:>8.2} {apply:>8.2} {in_sync:>8.2} {no_op:>8.2} {:>11.0}%",
            format!("{release:?}"),
            100.0 * limit / apply
        );
    }
    Ok(())
}

/// A vhost in which the administrator may do everything, and its AMQP URL.
fn vhost(broker: &PrivateBroker, name: &str) -> Result<String> {
    broker.management()?.put(&format!("/vhosts/{name}"), "{}")?;
    Ok(broker.url().replace("/%2f", &format!("/{name}")))
}

/// The same queues and bindings by a client that only declares.
fn plain_client(broker: &PrivateBroker, queues: usize) -> Result<Duration> {
    let url = vhost(broker, "limit")?;
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
fn declare(broker: &PrivateBroker, queues: usize) -> Result<[Duration; 4]> {
    let url = vhost(broker, "declared")?;
    let file = broker.folder().join("big.toml");
    std::fs::write(
        &file,
        format!(
            "[exchange.e]\ntype = \"direct\"\n[queue.\"q${{i}}\"]\nfor.i = \"0..{queues}\"\n\
             type = \"classic\"\narguments.x-max-length = 1000\n\
             bindings = [{{ from = \"e\", key = \"q${{i}}\" }}]\n"
        ),
    )?;
    let run = |arguments: &[&str], code: i32| -> Result<Duration> {
        let begun = Instant::now();
        let ended = Command::new(binary("declare")?)
            .args(arguments)
            .env("ALDEBARAN_AMQP_URL", &url)
            .env("ALDEBARAN_MANAGEMENT_URL", broker.management()?.url())
            .env("ALDEBARAN_TOPOLOGY", &file)
            .stdout(Stdio::null())
            .status()
            .context("run declare")?;
        ensure!(ended.code() == Some(code), "declare {arguments:?}: {ended}");
        Ok(begun.elapsed())
    };
    Ok([
        run(&["plan"], 10)?,
        run(&["apply", "--yes"], 0)?,
        run(&["plan"], 0)?,
        run(&["apply"], 0)?,
    ])
}
