//! One shard in one process: in the line for its token, then its owner, then in the line again.

use std::sync::Arc;
use std::time::Duration;

use broker::{Error, Host, Link};
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::keeper::Keeper;
use crate::machine::Machine;
use crate::reading::{Left, Reading};
use crate::roster::Seat;
use crate::run::Config;
use crate::shard::Shard;
use crate::token::Token;

/// How long a blank token waits for a better one that may stand behind it in the queue: longer
/// than a hand-over's last word takes to be written.
const GATHER: Duration = Duration::from_millis(500);

/// How often somebody in the line looks whether the token is lost.
const SEED_EVERY: Duration = Duration::from_secs(30);

/// What the owner of one shard works with.
pub(crate) struct Owner<H: Host, F> {
    pub(crate) index: u32,
    pub(crate) host: H,
    pub(crate) config: Arc<Config>,
    pub(crate) inbound: Arc<H::Link>,
    pub(crate) publisher: Arc<<H::Link as Link>::Publisher>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) machine: Arc<F>,
}

impl<H: Host, M: Machine, F: Fn(u32) -> M + Send + Sync + 'static> Owner<H, F> {
    /// Owns the shard whenever it can, until stopped or an error ends the session.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        while !stop.is_cancelled() {
            let mut keeper = Keeper::join(
                &self.config.progress_queue(self.index),
                &self.config.name,
                &*self.inbound,
                Arc::clone(&self.publisher),
                Arc::clone(&self.counters),
            )
            .await?;
            let joined = Instant::now();
            let Some(token) = self.wait_in_line(&mut keeper, &stop).await? else {
                keeper.leave().await;
                return Ok(());
            };
            tracing::info!(
                shard = self.index,
                waited_ms = joined.elapsed().as_millis(),
                "has the token"
            );
            self.seat.take();
            Counters::add(&self.counters.taken_over, 1);
            let last_word = self.own(token, &mut keeper, &stop).await;
            self.seat.leave();
            match timeout(self.config.drain_within, keeper.hand_over(last_word?)).await {
                Ok(handed_over) => {
                    handed_over?;
                    tracing::info!(shard = self.index, "handed over");
                }
                Err(_) => tracing::warn!(
                    shard = self.index,
                    "the broker took no last word about progress in time; the next owner reads more"
                ),
            }
            // A broker that does not answer keeps nobody; dropping the channel closes it too.
            let _ = timeout(self.config.drain_within, keeper.leave()).await;
        }
        Ok(())
    }

    /// Waits for the token. `None` when stopped first.
    async fn wait_in_line(
        &self,
        keeper: &mut Keeper<H::Link>,
        stop: &CancellationToken,
    ) -> Result<Option<Token>, Error> {
        let mut seeding = interval(SEED_EVERY);
        let mut token = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                token = keeper.next() => break token?,
                _ = seeding.tick() => tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(None),
                    seeded = keeper.seed_if_none_is_ready() => seeded?,
                },
            }
        };
        while token.is_blank() {
            match timeout(GATHER, keeper.next()).await {
                Ok(more) => {
                    let more = more?;
                    if more.knows_more_than(&token) {
                        token = more;
                    }
                }
                Err(_) => break,
            }
        }
        Ok(Some(token))
    }

    /// Owns the shard until there is a reason to hand it over; gives the last token.
    async fn own(
        &self,
        mut token: Token,
        keeper: &mut Keeper<H::Link>,
        stop: &CancellationToken,
    ) -> Result<Vec<u8>, Error> {
        loop {
            let machine = (self.machine)(self.index);
            let mut shard = Shard::take_over(machine, token, self.config.skew_us());
            let reading = Reading::begin(self, &mut shard, keeper).await?;
            match reading.until_it_ends(stop).await? {
                Left::WrongLog => {
                    Counters::add(&self.counters.bad_tokens, 1);
                    token = shard.of_the_next_log();
                }
                Left::KnowsMore(more) => token = more,
                Left::Stopped | Left::GaveBack => return Ok(shard.progress().to_json()),
            }
        }
    }
}
