//! One measurement on a broker, from the first connection to the last alert.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use broker::Endpoint;
use oracle::Expected;
use program::Fault;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bench::accounts::Balance;
use crate::bench::alerts::Alerts;
use crate::bench::clock::{Clock, micros};
use crate::bench::latency::Latency;
use crate::bench::live::Live;
use crate::bench::load::Load;
use crate::bench::meter::{Meter, Service, Stub};
use crate::bench::options::BenchOptions;
use crate::bench::progress::Progress;
use crate::bench::reader::{Read, Readers};
use crate::bench::received::Received;
use crate::bench::waybills::Waybills;
use crate::expectation::Expectation;
use crate::feed::Feed;
use crate::post::{Counts, Post};
use crate::pump::Pump;
use crate::route::Route;

/// How long is listened for alerts that must not come, after the last that had to.
const SETTLE: Duration = Duration::from_secs(1);

/// How often is looked whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Everything that a run needs of the broker.
pub(crate) struct Session<'a> {
    load: &'a Load,
    route: &'a Route,
    posts: Vec<Post<Stub>>,
    alerts: Alerts,
    readers: Option<Readers>,
    alerts_within: Duration,
}

/// What a run has measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) clock: Clock,
    pub(crate) sent: Sent,
    /// By the plain consumer, if there was one.
    pub(crate) read: Option<Read>,
    /// Trades of its.
    pub(crate) trades_read: u64,
    pub(crate) due_to_alert: Latency,
    pub(crate) publish_to_alert: Latency,
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
    expected: Vec<Expected>,
}

impl<'a> Session<'a> {
    /// Connects. `None` when `stop` was cancelled first.
    pub(crate) async fn open(
        wanted: &BenchOptions,
        endpoint: &Endpoint,
        load: &'a Load,
        route: &'a Route,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, Fault> {
        let alerts = Alerts::open(endpoint, &wanted.alert_queue).await?;
        let readers = match (wanted.limit, route.shards) {
            (false, _) => None,
            (true, Some(shards)) => Some(Readers::open(endpoint, shards).await?),
            (true, None) => {
                return Err(Fault::Usage(
                    "--limit reads the shards' streams: it goes with --to shards only".to_owned(),
                ));
            }
        };
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
            posts,
            alerts,
            readers,
            alerts_within: wanted.alerts_within,
        }))
    }

    /// Sends everything, or what can be sent until `stop` is cancelled, and waits for what must
    /// come of it.
    pub(crate) async fn run(self, live: Live, stop: &CancellationToken) -> Result<Outcome, Fault> {
        let clock = Clock::start(self.load.warm_up);
        let progress = Arc::new(Progress::new(Received::new()?));
        let waybills = self.readers.as_ref().map(|_| Arc::new(Waybills::default()));
        let ended = CancellationToken::new();

        let alerts = self
            .alerts
            .receive(clock, Arc::clone(&progress), ended.clone());
        let alerts = tokio::spawn(alerts);
        let readers = self
            .readers
            .zip(waybills.clone())
            .map(|(readers, waybills)| {
                tokio::spawn(readers.run(clock, Arc::clone(&progress), waybills, ended.clone()))
            });
        let receive = async {
            let alerts = async { alerts.await?.context("receive alerts") };
            let read = async {
                match readers {
                    Some(readers) => Ok(Some(readers.await??)),
                    None => Ok(None),
                }
            };
            let ((), read) = tokio::try_join!(alerts, read)?;
            Ok::<_, anyhow::Error>(read)
        };

        let mut producers = JoinSet::new();
        for (nth, post) in (0..).zip(self.posts) {
            let feed = self.load.feed(nth, self.route.shards.unwrap_or(1));
            let meter = Meter::new(
                clock,
                self.load.plan.is_some(),
                nth,
                Arc::clone(&progress),
                waybills.clone(),
            )?;
            producers.spawn(produce(feed, post, self.route.clone(), meter, stop.clone()));
        }
        let reads = waybills.is_some();
        let send = async {
            let sent = Sent::of_all(producers).await?;
            wait_for_the_rest(&sent, reads, &progress, clock, self.alerts_within, stop).await;
            Ok::<_, Fault>(sent)
        };

        tokio::pin!(receive);
        let sent = tokio::select! {
            sent = send => sent?,
            received = &mut receive => {
                received?;
                return Err(anyhow!("receive alerts: the consumers ended early").into());
            }
            () = live.show(clock, &progress) => return Err(anyhow!("show a live line").into()),
        };
        ended.cancel();
        let read = receive.await?;
        let received = progress.received();
        Ok(Outcome {
            clock,
            sent,
            read,
            trades_read: progress.read.get(),
            due_to_alert: received.due_to_alert.clone(),
            publish_to_alert: received.publish_to_alert.clone(),
            last_alert_us: received.last_measured_us,
            balance: received.accounts.balance(),
        })
    }
}

/// Sends what one producer has to send.
async fn produce(
    mut feed: Feed,
    mut post: Post<Stub>,
    route: Route,
    mut meter: Meter,
    stop: CancellationToken,
) -> Result<Sent, Fault> {
    Pump::new(&mut feed, &mut post, &route, &mut meter)
        .run(&stop)
        .await?;
    let counts = feed.counts();
    let sent = Sent {
        trades: counts.trades,
        orders: counts.orders,
        messages: post.counts(),
        unconfirmed: post.unconfirmed(),
        service: meter.service,
        expected: feed
            .expectation
            .and_then(|expectation| Expectation::into_expected(expectation).1)
            .unwrap_or_default(),
    };
    if sent.unconfirmed == 0 {
        post.close().await;
    }
    Ok(sent)
}

impl Sent {
    async fn of_all(mut producers: JoinSet<Result<Sent, Fault>>) -> Result<Self, Fault> {
        let mut all = Self {
            trades: 0,
            orders: 0,
            messages: Counts::default(),
            unconfirmed: 0,
            service: Service::new()?,
            expected: Vec::new(),
        };
        while let Some(sent) = producers.join_next().await {
            let sent = sent.context("publish trades")??;
            all.trades += sent.trades;
            all.orders += sent.orders;
            all.messages.messages += sent.messages.messages;
            all.messages.confirmed += sent.messages.confirmed;
            all.messages.resent += sent.messages.resent;
            all.unconfirmed += sent.unconfirmed;
            all.service.add(&sent.service);
            all.expected.extend(sent.expected);
        }
        Ok(all)
    }
}

/// Waits until every expected alert has come and every trade was read, as long as there is
/// something new within `patience`; then a little longer, for what must not come.
async fn wait_for_the_rest(
    sent: &Sent,
    reads: bool,
    progress: &Progress,
    clock: Clock,
    patience: Duration,
    stop: &CancellationToken,
) {
    progress.received().accounts.expect(&sent.expected);
    let mut news = (0, 0);
    let mut news_us = clock.now_us();
    let is_over = |news_us: u64, within| clock.now_us() > news_us + micros(within);
    loop {
        let (missing, latest) = {
            let received = progress.received();
            (
                received.accounts.missing(),
                (received.alerts, progress.read.get()),
            )
        };
        if latest != news {
            (news, news_us) = (latest, clock.now_us());
        }
        let is_complete = missing == 0 && !(reads && progress.read.get() < sent.trades);
        let within = if is_complete {
            SETTLE
        } else {
            patience.max(SETTLE)
        };
        if stop.is_cancelled() || is_over(news_us, within) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
