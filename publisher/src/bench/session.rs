//! One measurement on a broker, from the first connection to the last alert.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use broker::Endpoint;
use program::Fault;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bench::accounts::Balance;
use crate::bench::alerts::Alerts;
use crate::bench::clock::{Clock, micros};
use crate::bench::laps::Laps;
use crate::bench::latency::Latency;
use crate::bench::limit;
use crate::bench::listing::Listing;
use crate::bench::live::Live;
use crate::bench::load::Load;
use crate::bench::meter::{Meter, Service, Stub};
use crate::bench::options::BenchOptions;
use crate::bench::progress::Progress;
use crate::bench::received::Received;
use crate::post::{Counts, Post};
use crate::pump::Pump;
use crate::route::Route;
use crate::trades::Trades;

/// How long is listened for alerts that must not come, after the last that had to.
const SETTLE: Duration = Duration::from_secs(1);

/// How often is looked whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Everything that a run needs of the broker.
pub(crate) struct Session<'a> {
    load: &'a Load,
    route: &'a Route,
    /// Of each producer.
    trades: Vec<Laps>,
    posts: Vec<Post<Stub>>,
    alerts: Alerts,
    /// Whether a plain consumer reads the shards.
    is_limit: bool,
    alerts_within: Duration,
}

/// What a run has measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) clock: Clock,
    pub(crate) sent: Sent,
    pub(crate) due_to_alert: Latency,
    pub(crate) publish_to_alert: Latency,
    pub(crate) publish_to_read: Latency,
    pub(crate) alert_to_received: Latency,
    pub(crate) last_alert_us: u64,
    pub(crate) balance: Balance,
}

/// What producers have sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) trades: u64,
    pub(crate) orders: u64,
    pub(crate) messages: Counts,
    pub(crate) unconfirmed: usize,
    pub(crate) service: Service,
}

impl<'a> Session<'a> {
    /// Makes the trades and connects. `None` when `stop` was cancelled first.
    pub(crate) async fn open(
        wanted: &BenchOptions,
        endpoint: &Endpoint,
        load: &'a Load,
        route: &'a Route,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, Fault> {
        // Takes a moment, in which no connection should wait.
        let trades = load.trades_of_all(route.shards.unwrap_or(1))?;
        let alerts = Alerts::open(endpoint, &wanted.alert_queue).await?;
        if wanted.limit {
            limit::check(endpoint, route.shards).await?;
        }
        let mut posts = Vec::new();
        for _ in 0..load.producers {
            let (endpoint, window) = (endpoint.clone(), wanted.confirm as usize);
            match Post::open(endpoint, window, route.remedy(), stop).await? {
                Some(post) => posts.push(post),
                None => return Ok(None),
            }
        }
        Ok(Some(Self {
            load,
            route,
            trades,
            posts,
            alerts,
            is_limit: wanted.limit,
            alerts_within: wanted.alerts_within,
        }))
    }

    /// Sends everything, or what can be sent until `stop` is cancelled, and waits for what must
    /// come of it. Measured alerts go to `listing` as well.
    pub(crate) async fn run(
        self,
        live: Live,
        listing: Option<Listing>,
        stop: &CancellationToken,
    ) -> Result<Outcome, Fault> {
        let clock = Clock::start(self.load.warm_up);
        let progress = Arc::new(Progress::new(Received::new()?));
        let ended = CancellationToken::new();

        let alerts = self
            .alerts
            .receive(clock, Arc::clone(&progress), listing, ended.clone());
        let mut alerts = tokio::spawn(alerts);

        let mut producers = JoinSet::new();
        for (trades, post) in self.trades.into_iter().zip(self.posts) {
            let meter = Meter::new(clock, self.load, self.is_limit, Arc::clone(&progress))?;
            producers.spawn(produce(
                trades,
                post,
                self.route.clone(),
                meter,
                stop.clone(),
            ));
        }
        let send = async {
            let (sent, trades) = Sent::of_all(producers).await?;
            let rest = Rest {
                progress: &progress,
                clock,
                stop,
            };
            // Asking the oracle would hold up the last alerts.
            rest.wait(SETTLE, Duration::ZERO, || progress.missing_of_planned())
                .await;
            let expected = tokio::task::spawn_blocking(|| {
                let expected = trades.into_iter().map(Laps::into_expected);
                expected.collect::<Result<Vec<_>, _>>()
            });
            let expected = expected.await.context("ask the oracle")??.concat();
            progress.received().accounts.expect(&expected);
            rest.wait(self.alerts_within, SETTLE, || {
                progress.received().accounts.missing()
            })
            .await;
            Ok::<_, Fault>(sent)
        };

        let sent = tokio::select! {
            sent = send => sent?,
            received = &mut alerts => {
                received.context("receive alerts")??;
                return Err(anyhow!("receive alerts: the consumer ended early").into());
            }
            () = live.show(clock, &progress) => return Err(anyhow!("show a live line").into()),
        };
        ended.cancel();
        alerts.await.context("receive alerts")??;
        let received = progress.received();
        Ok(Outcome {
            clock,
            sent,
            due_to_alert: received.due_to_alert.clone(),
            publish_to_alert: received.publish_to_alert.clone(),
            publish_to_read: received.publish_to_read.clone(),
            alert_to_received: received.alert_to_received.clone(),
            last_alert_us: received.last_measured_us,
            balance: received.accounts.balance(),
        })
    }
}

/// Sends what one producer has to send.
async fn produce(
    mut trades: Laps,
    mut post: Post<Stub>,
    route: Route,
    mut meter: Meter,
    stop: CancellationToken,
) -> Result<(Sent, Laps), Fault> {
    Pump::new(&mut trades, &mut post, &route, &mut meter)?
        .run(&stop)
        .await?;
    let counts = trades.counts();
    let sent = Sent {
        trades: counts.trades,
        orders: counts.orders,
        messages: post.counts(),
        unconfirmed: post.unconfirmed(),
        service: meter.service,
    };
    if sent.unconfirmed == 0 {
        post.close().await;
    }
    Ok((sent, trades))
}

impl Sent {
    /// What all producers have sent together, and the trades of each.
    async fn of_all(
        mut producers: JoinSet<Result<(Sent, Laps), Fault>>,
    ) -> Result<(Self, Vec<Laps>), Fault> {
        let mut all = Self {
            trades: 0,
            orders: 0,
            messages: Counts::default(),
            unconfirmed: 0,
            service: Service::new()?,
        };
        let mut trades_of_all = Vec::new();
        while let Some(sent) = producers.join_next().await {
            let (sent, trades) = sent.context("publish trades")??;
            all.trades += sent.trades;
            all.orders += sent.orders;
            all.messages.messages += sent.messages.messages;
            all.messages.confirmed += sent.messages.confirmed;
            all.messages.resent += sent.messages.resent;
            all.unconfirmed += sent.unconfirmed;
            all.service.add(&sent.service);
            trades_of_all.push(trades);
        }
        Ok((all, trades_of_all))
    }
}

/// The alerts that have not come yet.
struct Rest<'a> {
    progress: &'a Progress,
    clock: Clock,
    stop: &'a CancellationToken,
}

impl Rest<'_> {
    /// Waits until none of `missing` is, as long as one comes within `patience`; then for `settle`
    /// longer, for what must not come.
    async fn wait(&self, patience: Duration, settle: Duration, missing: impl Fn() -> u64) {
        let (mut alerts, mut news_us) = (0, self.clock.now_us());
        let is_over = |news_us: u64, within| self.clock.now_us() > news_us + micros(within);
        loop {
            let latest = self.progress.received().alerts;
            if latest != alerts {
                (alerts, news_us) = (latest, self.clock.now_us());
            }
            let within = match missing() {
                0 => settle,
                _ => patience.max(settle),
            };
            if self.stop.is_cancelled() || is_over(news_us, within) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
