//! Publishes trades: as the challenge's script does, at a given rate, or from a recording.
//!
//! The way of a trade: drawn (`orders`) and mixed with others (`mix`), or read (`recording`);
//! repeated and put out of order (`disorder`); given out when it is due (`pace`, `feed`) and
//! shown to the oracle (`expectation`); packed (`pump`) and sent until it is confirmed
//! (`post`), or just written down (`lines`).

mod bench;
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
mod route;
mod settings;
mod summary;
mod timer;
mod trades;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use program::Fault;
use tokio_util::sync::CancellationToken;

use crate::expectation::Expectation;
use crate::feed::Feed;
use crate::observer::Observer;
use crate::options::{Command, Options};
use crate::post::Post;
use crate::pump::Pump;
use crate::route::Route;
use crate::settings::Settings;
use crate::summary::Summary;
use crate::watch::Watch;

fn main() -> ExitCode {
    program::run(|options: &Options| &options.logs, start)
}

async fn start(options: Options, stop: CancellationToken) -> Result<(), Fault> {
    match &options.command {
        Some(Command::Bench(wanted)) => bench::run(&options, wanted, &stop).await,
        None => publish(options, stop).await,
    }
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
    let route = Route::resolve(&options.destination, &options.topology)?;
    let endpoint = options.broker.endpoint()?;
    let mut feed = settings.feed(options, route.shards.unwrap_or(1))?;
    let window = options.destination.confirm_window as usize;
    let Some(mut post) = Post::open(endpoint, window, route.remedy(), stop).await? else {
        return conclude(settings, options, feed, &observer(settings, options), None);
    };
    let mut observer = observer(settings, options);
    Pump::new(&mut feed, &mut post, &route, &mut observer)?
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
            pace: settings.pace.clone(),
            took,
            seed: options.recorded.file.is_none().then_some(settings.seed),
        };
        let _ = writeln!(std::io::stderr(), "{summary}");
    }
    Ok(())
}
