//! From the feed to the broker: packs what is due and sends it.

use std::time::Duration;

use anyhow::Context;
use program::Fault;
use tokio_util::sync::CancellationToken;
use trade::pack::{Limits, Packed, Packer};

use crate::feed::Next;
use crate::post::{Post, Progress};
use crate::route::Route;
use crate::timer::Timer;
use crate::trades::Trades;
use crate::watch::Watch;

/// How long a stopped publisher waits for confirms.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How many trades are taken before confirms and lingering messages are looked at: so many, of
/// all shards, a publisher that is behind can pack together.
const BURST: usize = 2048;

/// Trades that become due within so many microseconds are taken together, at most, and where a
/// message holds a single one: waking for each would cost more than the trade.
const MOST_GROUPED_US: u64 = 1000;
const SINGLE_GROUPED_US: u64 = 100;

/// How often one that is ahead of what comes of its trades looks again.
const AHEAD_US: u64 = 1000;

/// Why the pump waits.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// It does not: there is more to send at once.
    Not,
    /// Until this time, if any, in microseconds since the start: a trade or a message is due.
    Until(Option<u64>),
    /// The same, or for lines of the recording.
    Lines(Option<u64>),
}

/// Takes trades from a feed and sends them by a post.
pub(crate) struct Pump<'a, T, W: Watch> {
    feed: &'a mut T,
    post: &'a mut Post<W::Stub>,
    route: &'a Route,
    packer: Packer<W::Tag>,
    timer: Timer,
    watch: &'a mut W,
}

impl<'a, T: Trades, W: Watch> Pump<'a, T, W> {
    pub(crate) fn new(
        feed: &'a mut T,
        post: &'a mut Post<W::Stub>,
        route: &'a Route,
        watch: &'a mut W,
    ) -> Result<Self, Fault> {
        Ok(Self {
            packer: Packer::new(route.shards.unwrap_or(1), route.limits),
            timer: Timer::new()?,
            feed,
            post,
            route,
            watch,
        })
    }

    /// Sends trades until the feed ends or `stop` is cancelled, then waits for the confirms:
    /// after `stop` for at most [`DRAIN_DEADLINE`].
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> Result<(), Fault> {
        let give_up = deadline_after(stop);
        self.send(stop, &give_up).await?;
        while let Some(packed) = self.packer.pop_any() {
            self.post(packed);
        }
        while !self.post.is_done() {
            tokio::select! {
                progress = self.post.progress() => {
                    if self.landed(progress?) == Progress::Lost
                        && !self.post.reconnect(&give_up).await?
                    {
                        break;
                    }
                }
                () = give_up.cancelled() => break,
            }
        }
        give_up.cancel();
        Ok(())
    }

    async fn send(
        &mut self,
        stop: &CancellationToken,
        give_up: &CancellationToken,
    ) -> Result<(), Fault> {
        let start = self.watch.start();
        while let Some(waiting) = self.fill()? {
            let (until_us, for_lines) = match waiting {
                Waiting::Not => (Some(0), false),
                Waiting::Until(until_us) => (until_us, false),
                Waiting::Lines(until_us) => (until_us, true),
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                progress = self.post.progress() => {
                    if self.landed(progress?) == Progress::Lost
                        && !self.post.reconnect(give_up).await?
                    {
                        return Ok(());
                    }
                }
                waited = self.timer.wait(start, until_us.unwrap_or(0)), if until_us.is_some() => {
                    waited.context("wait for the next trade")?;
                }
                () = self.feed.arrived(), if for_lines => {}
            }
        }
        Ok(())
    }

    /// Takes what is due and sends the messages that this fills, and those that have lingered
    /// long enough. `None` when the feed has ended.
    fn fill(&mut self) -> Result<Option<Waiting>, Fault> {
        let now_us = self.watch.now_us();
        if self.feed.is_over(now_us) {
            return Ok(None);
        }
        let mut next = None;
        let is_ahead = self.watch.is_ahead();
        for _ in 0..BURST {
            if is_ahead || !self.post.has_room() {
                break;
            }
            match self.feed.next(now_us)? {
                Next::Trade(given) => {
                    let tag = self.watch.tag(&given, now_us);
                    let trade = self.feed.json();
                    let since_us = self.feed.since_us(given.due_us, now_us);
                    let packed = self.packer.push(given.shard, trade, tag, since_us);
                    let shown = self.watch.trade(trade);
                    if let Some(packed) = packed {
                        self.post(packed);
                    }
                    if shown.is_break() {
                        return Ok(None);
                    }
                }
                nothing => {
                    next = Some(nothing);
                    break;
                }
            }
        }
        while self.post.has_room()
            && let Some(packed) = match is_ahead {
                // What is awaited must be on its way.
                true => self.packer.pop_any(),
                false => self.packer.pop_due(now_us),
            }
        {
            self.post(packed);
        }
        if self.watch.pause(self.feed.counts(), now_us).is_break() {
            return Ok(None);
        }
        let ahead_us = is_ahead.then_some(now_us + AHEAD_US);
        Ok(self.waiting(next, ahead_us))
    }

    /// How long a trade that is due may wait for others, in microseconds.
    fn group_us(&self) -> u64 {
        match self.route.limits {
            Limits { trades: 1, .. } => SINGLE_GROUPED_US,
            Limits { linger_us, .. } => linger_us.min(MOST_GROUPED_US),
        }
    }

    fn post(&mut self, packed: Packed<W::Tag>) {
        let mut message = self.route.message(packed.shard, packed.body);
        let stub = self.watch.message(&mut message, packed.tags);
        self.post.send(message, stub);
    }

    fn landed(&mut self, progress: Progress) -> Progress {
        for stub in self.post.landed() {
            self.watch.confirmed(stub);
        }
        progress
    }

    /// What to wait for when the feed said this last, and nothing may be taken before `ahead_us`;
    /// `None` when it has ended.
    fn waiting(&self, next: Option<Next>, ahead_us: Option<u64>) -> Option<Waiting> {
        let end_us = self.feed.until_us();
        let linger_us = self.packer.next_due_us();
        let first = |times: [Option<u64>; 3]| times.into_iter().flatten().min();
        match next {
            Some(Next::End) => None,
            // Without room only confirms can help.
            _ if !self.post.has_room() => Some(Waiting::Until(end_us)),
            _ if ahead_us.is_some() => Some(Waiting::Until(first([ahead_us, linger_us, end_us]))),
            Some(Next::At(due_us)) => {
                let group_us = due_us.saturating_add(self.group_us());
                // At the end nothing is taken any more.
                let group_us = match end_us.is_some_and(|end_us| group_us >= end_us) {
                    true => due_us,
                    false => group_us,
                };
                Some(Waiting::Until(first([Some(group_us), linger_us, end_us])))
            }
            Some(Next::Wait) => Some(Waiting::Lines(first([linger_us, end_us, None]))),
            Some(Next::Trade(_)) | None => Some(Waiting::Not),
        }
    }
}

/// A token that is cancelled [`DRAIN_DEADLINE`] after `stop`.
fn deadline_after(stop: &CancellationToken) -> CancellationToken {
    let deadline = CancellationToken::new();
    let (stop, watched) = (stop.clone(), deadline.clone());
    tokio::spawn(async move {
        let passed = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN_DEADLINE).await;
        };
        tokio::select! {
            () = passed => watched.cancel(),
            () = watched.cancelled() => {}
        }
    });
    deadline
}
