//! An engine in one process: its connections, its shards, its share.

use std::sync::Arc;
use std::time::Duration;

use broker::{Endpoint, Error, Proven, connect_patiently, hold_sessions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::machine::Machine;
use crate::owner::Owner;
use crate::roster::{self, Seat};

/// Unconfirmed messages of one shard at the broker.
const WINDOW: usize = 256;

/// Channels that a shard takes on the connection for reading: its token, its stream, and a second
/// look at the stream.
const CHANNELS: usize = 3;

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
pub async fn run<M, F>(
    endpoint: &Endpoint,
    config: Config,
    counters: Arc<Counters>,
    machine: F,
    stop: CancellationToken,
) -> Result<(), Error>
where
    M: Machine,
    F: Fn(u32) -> M + Send + Sync + 'static,
{
    let engine = Engine {
        config: Arc::new(config),
        counters,
        machine: Arc::new(machine),
    };
    hold_sessions(&stop, async |proven| {
        engine.session(endpoint, proven, &stop).await
    })
    .await
}

struct Engine<F> {
    config: Arc<Config>,
    counters: Arc<Counters>,
    machine: Arc<F>,
}

impl<M: Machine, F: Fn(u32) -> M + Send + Sync + 'static> Engine<F> {
    /// One pair of connections and all that hangs on it.
    async fn session(
        &self,
        endpoint: &Endpoint,
        proven: &mut Proven,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let name = &self.config.name;
        let Some(inbound) = connect_patiently(endpoint, &format!("{name} in"), stop).await? else {
            return Ok(());
        };
        let Some(outbound) = connect_patiently(endpoint, &format!("{name} out"), stop).await?
        else {
            return Ok(());
        };
        let inbound = Arc::new(inbound);
        self.find_objects(&inbound).await?;
        proven.set();

        let ended = stop.child_token();
        let mut tasks = JoinSet::new();
        let mut seats = Vec::new();
        for index in 0..u32::try_from(self.config.streams.len()).unwrap_or(u32::MAX) {
            let seat = Arc::new(Seat::default());
            let owner = Owner {
                index,
                config: Arc::clone(&self.config),
                inbound: Arc::clone(&inbound),
                publisher: Arc::new(outbound.publisher(WINDOW).await?),
                counters: Arc::clone(&self.counters),
                seat: Arc::clone(&seat),
                machine: Arc::clone(&self.machine),
            };
            seats.push(seat);
            tasks.spawn(owner.run(ended.clone()));
        }
        let kept = roster::keep(&self.config, &inbound, &seats, &ended);
        let outcome = tokio::select! {
            outcome = kept => outcome,
            failed = first_failure(&mut tasks) => Err(failed),
        };
        if outcome.is_err() {
            // The others would only find out one by one.
            tasks.shutdown().await;
        }
        ended.cancel();
        let mut outcome = outcome;
        while let Some(task) = tasks.join_next().await {
            outcome = outcome.and(task.unwrap_or(Ok(())));
        }
        outbound.close().await;
        if let Ok(inbound) = Arc::try_unwrap(inbound).map_err(drop) {
            inbound.close().await;
        }
        outcome
    }

    /// Looks for every object that the session needs, so that a missing one is said at once.
    async fn find_objects(&self, connection: &broker::Connection) -> Result<(), Error> {
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
async fn first_failure(tasks: &mut JoinSet<Result<(), Error>>) -> Error {
    loop {
        match tasks.join_next().await {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => return error,
            Some(Err(_)) => return Error::Lost("a shard's task ended".to_owned()),
            None => std::future::pending().await,
        }
    }
}
