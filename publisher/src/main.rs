//! Publishes trades: as the challenge's script does, at a given rate, or from a recording.
//!
//! The way of a trade: drawn (`orders`) and mixed with others (`mix`), or read (`recording`);
//! repeated and put out of order (`disorder`); given out when it is due (`pace`, `feed`) and
//! shown to the oracle (`expectation`); packed (`pump`) and sent until it is confirmed
//! (`post`), or just written down (`lines`).

mod disorder;
mod expectation;
mod feed;
mod lines;
mod mix;
mod names;
mod observer;
mod options;
mod orders;
mod pace;
mod post;
mod pump;
mod quantity;
mod ratio;
mod recording;
mod settings;
mod summary;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::names as broker_names;
use trade::pack::Limits;

use crate::expectation::Expectation;
use crate::feed::Feed;
use crate::observer::Observer;
use crate::options::{Options, To};
use crate::post::Post;
use crate::pump::{Pump, Route};
use crate::settings::Settings;
use crate::summary::Summary;

fn main() -> ExitCode {
    program::run(|options: &Options| &options.logs, publish)
}

async fn publish(options: Options, stop: CancellationToken) -> Result<(), Fault> {
    let settings = Settings::resolve(&options)?;
    match &options.output.output {
        Some(path) => {
            let mut feed = settings.feed(&options, 1)?;
            let mut observer = observer(&settings, &options);
            lines::write(&mut feed, path, &mut observer, &stop).await?;
            conclude(&settings, &options, feed, &observer, None)
        }
        None => publish_to_broker(&settings, &options, &stop).await,
    }
}

async fn publish_to_broker(
    settings: &Settings,
    options: &Options,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let route = route(options)?;
    let endpoint = options.broker.endpoint()?;
    let mut feed = settings.feed(options, route.shards.unwrap_or(1))?;
    let window = options.destination.confirm_window as usize;
    let Some(mut post) = Post::open(endpoint, window, remedy(&route), stop).await? else {
        return conclude(settings, options, feed, &observer(settings, options), None);
    };
    let mut observer = observer(settings, options);
    Pump::new(&mut feed, &mut post, &route, &mut observer)
        .run(stop)
        .await?;
    conclude(settings, options, feed, &observer, Some(post.counts()))?;
    match post.unconfirmed() {
        0 => {
            post.close().await;
            Ok(())
        }
        // A broker that does not confirm does not say good-bye either.
        messages => Err(Fault::Failed(anyhow::anyhow!(
            "publish everything: {messages} messages are not confirmed; nobody knows whether \
             the broker has them"
        ))),
    }
}

fn observer(settings: &Settings, options: &Options) -> Observer {
    Observer::new(
        settings.trades(options),
        settings.prints,
        options.logs.quiet,
    )
}

fn route(options: &Options) -> Result<Route, Fault> {
    let destination = &options.destination;
    let (exchange, shards, batch) = match destination.to {
        To::FrontDoor => (broker_names::TRADE_DATA.to_owned(), None, 1),
        To::Shards => {
            let shards = options.topology.load()?.shards();
            let shards = shards.map_err(|error| Fault::Usage(format!("cannot {error}")))?;
            (broker_names::shards_exchange(shards), Some(shards), 128)
        }
    };
    Ok(Route {
        exchange,
        shards,
        limits: Limits {
            trades: destination.batch.unwrap_or(batch) as usize,
            bytes: destination.batch_bytes as usize,
            linger_us: u64::try_from(destination.linger.as_micros()).unwrap_or(u64::MAX),
        },
    })
}

/// What to do when the exchange is not there.
fn remedy(route: &Route) -> String {
    let apply = "`declare apply` creates it";
    match route.shards {
        None => apply.to_owned(),
        Some(shards) => format!(
            "{apply}; if the topology was applied with another number of shards than {shards}, \
             name it with --set shards=N"
        ),
    }
}

/// Writes the expected alerts and the summary.
fn conclude(
    settings: &Settings,
    options: &Options,
    feed: Feed,
    observer: &Observer,
    messages: Option<post::Counts>,
) -> Result<(), Fault> {
    let took = observer.start().elapsed();
    observer.end();
    let trades = feed.counts();
    let expected = feed.expectation.map(Expectation::into_expected);
    if let (Some((_, Some(alerts))), Some(path)) = (&expected, &options.output.expect) {
        expectation::write(alerts, path).with_context(|| format!("write {}", path.display()))?;
    }
    if !options.logs.quiet {
        let summary = Summary {
            trades,
            expected: expected.map(|(count, _)| count),
            messages,
            pace: settings.pace,
            took,
            seed: options.recorded.file.is_none().then_some(settings.seed),
        };
        let _ = writeln!(std::io::stderr(), "{summary}");
    }
    Ok(())
}
