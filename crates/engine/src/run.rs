//! An engine in one process: its connections, its shards, its share.

use std::sync::Arc;
use std::time::Duration;

use broker::{Error, Host, Lane, Link, Proven, hold_sessions};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::machine::Machine;
use crate::owner::Owner;
use crate::roster::{self, Seat};

/// Unconfirmed messages of one shard at the broker.
const WINDOW: usize = 256;

/// Channels that a shard takes on the connection for reading: its token, its stream, a look for
/// the stream's end, and another for what is missing or wrong.
const CHANNELS: usize = 4;

/// Channels besides: the roster, and whatever is asked in between.
const MORE_CHANNELS: usize = 2;

/// What an engine works on.
#[derive(Debug, Clone)]
pub struct Config {
    /// This process, in consumer tags and connection names: unlike any other's.
    pub name: String,
    /// The streams of the shards, in their order.
    pub streams: Vec<String>,
    /// The queues of the progress tokens, in the same order. Two applications over the same
    /// streams have queues of their own.
    pub progress_queues: Vec<String>,
    /// The exchanges that the machine's effects go to.
    pub exchanges: Vec<String>,
    /// The queue whose consumers are this application's processes.
    pub roster: String,
    /// Header that carries a message's time in microseconds since the epoch.
    pub time_header: &'static str,
    /// Headers that tell of each effect when the message that it comes of was read and when it
    /// was published itself, in microseconds since the epoch. For measurements: at a replay they
    /// are others, and the rest of the effect is the same.
    pub stamp_headers: [&'static str; 2],
    /// How far a message's time may be ahead of the clock and still be believed.
    pub skew: Duration,
    /// Messages of one shard that may be delivered ahead; at least 16.
    pub prefetch: u16,
    /// How often progress is recorded.
    pub progress_every: Duration,
    /// A token is written again after this time even if nothing happened: the broker closes a
    /// channel that holds a delivery for longer than its `consumer_timeout`.
    pub renew_after: Duration,
    /// How long nothing is given back after something came straight back: whoever else is in
    /// the roster does not stand in the line for these shards.
    pub reluctance: Duration,
    /// How long a stop waits for the confirms of what was published.
    pub drain_within: Duration,
}

impl Config {
    pub(crate) fn stream(&self, index: u32) -> String {
        self.streams
            .get(index as usize)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn progress_queue(&self, index: u32) -> String {
        self.progress_queues
            .get(index as usize)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn skew_us(&self) -> i64 {
        i64::try_from(self.skew.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Runs machines over the shards that fall to this process, until `stop` is cancelled: then
/// what is in flight is confirmed and the shards are handed over. A broker that goes away is
/// waited for. `machine` makes the empty machine of a shard.
///
/// # Errors
/// What waiting does not mend, if the first try shows it: no access, or objects that are not
/// declared.
pub async fn run<H, M, F>(
    host: &H,
    config: Config,
    counters: Arc<Counters>,
    machine: F,
    stop: CancellationToken,
) -> Result<(), Error>
where
    H: Host,
    M: Machine,
    F: Fn(u32) -> M + Send + Sync + 'static,
{
    let engine = Engine {
        host: host.clone(),
        config: Arc::new(config),
        counters,
        machine: Arc::new(machine),
    };
    hold_sessions(&stop, async |proven| engine.session(proven, &stop).await).await
}

struct Engine<H, F> {
    host: H,
    config: Arc<Config>,
    counters: Arc<Counters>,
    machine: Arc<F>,
}

/// The tasks of a session, one a shard.
type Tasks = FuturesUnordered<BoxFuture<'static, Result<(), Error>>>;

impl<H: Host, M: Machine, F: Fn(u32) -> M + Send + Sync + 'static> Engine<H, F> {
    /// One pair of connections and all that hangs on it.
    async fn session(&self, proven: &mut Proven, stop: &CancellationToken) -> Result<(), Error> {
        let name = &self.config.name;
        let Some(inbound) = self.host.connect(&format!("{name} in"), stop).await? else {
            return Ok(());
        };
        let Some(outbound) = self.host.connect(&format!("{name} out"), stop).await? else {
            return Ok(());
        };
        let inbound = Arc::new(inbound);
        self.find_objects(&*inbound).await?;
        proven.set();

        let ended = stop.child_token();
        let gone = CancellationToken::new();
        // A session that is dropped leaves no task behind.
        let _drops_tasks = gone.clone().drop_guard();
        let mut tasks = Tasks::new();
        let mut seats = Vec::new();
        for index in 0..u32::try_from(self.config.streams.len()).unwrap_or(u32::MAX) {
            let seat = Arc::new(Seat::default());
            let owner = Owner {
                index,
                host: self.host.clone(),
                config: Arc::clone(&self.config),
                inbound: Arc::clone(&inbound),
                publisher: Arc::new(outbound.publisher(WINDOW).await?),
                counters: Arc::clone(&self.counters),
                seat: Arc::clone(&seat),
                machine: Arc::clone(&self.machine),
            };
            seats.push(seat);
            tasks.push(self.start(owner, &ended, &gone));
        }
        let kept = roster::keep(&self.config, &*inbound, &seats, &ended);
        let mut outcome = tokio::select! {
            biased;
            outcome = kept => outcome,
            failed = first_failure(&mut tasks) => Err(failed),
        };
        if outcome.is_err() {
            // The others would only find out one by one.
            gone.cancel();
        }
        ended.cancel();
        while let Some(ended) = tasks.next().await {
            outcome = outcome.and(ended);
        }
        outbound.close().await;
        if let Ok(inbound) = Arc::try_unwrap(inbound).map_err(drop) {
            inbound.close().await;
        }
        outcome
    }

    /// Lets the owner of a shard work until `ended`, and drops it where it stands when `gone`.
    fn start(
        &self,
        owner: Owner<H, F>,
        ended: &CancellationToken,
        gone: &CancellationToken,
    ) -> BoxFuture<'static, Result<(), Error>> {
        let owned = owner.run(ended.clone());
        let owned = gone.clone().run_until_cancelled_owned(owned);
        self.host
            .start(Box::pin(async { owned.await.unwrap_or(Ok(())) }))
    }

    /// Looks for every object that the session needs, so that a missing one is said at once.
    async fn find_objects(&self, connection: &H::Link) -> Result<(), Error> {
        let config = &self.config;
        let shards = config.streams.len();
        let needed = shards * CHANNELS + MORE_CHANNELS;
        connection.has_channels(needed, &format!("{shards} shards"))?;
        for queue in config
            .streams
            .iter()
            .chain(&config.progress_queues)
            .chain([&config.roster])
        {
            let channel = connection.channel().await?;
            channel.queue_status(queue).await?;
            channel.close().await;
        }
        let channel = connection.channel().await?;
        for exchange in &config.exchanges {
            if !channel.exchange_exists(exchange).await? {
                return Err(Error::Missing(format!("no exchange {exchange:?}")));
            }
        }
        channel.close().await;
        Ok(())
    }
}

/// Waits for the first task that fails.
async fn first_failure(tasks: &mut Tasks) -> Error {
    loop {
        match tasks.next().await {
            Some(Ok(())) => {}
            Some(Err(error)) => return error,
            None => std::future::pending().await,
        }
    }
}
