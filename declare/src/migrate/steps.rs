//! The steps of one migration. Each may be repeated, and after each the broker alone says where
//! to go on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use broker::{Channel, Connection, Management, Moved, Moving, QueueStatus};
use indicatif::ProgressBar;
use topology::{
    Binding, Destination, Exchange, ExchangeKind, Key, Object, Queue, QueueKind, Setting, Settings,
    State,
};

use crate::crash;
use crate::place::Place;
use crate::show;

/// The argument of a waiting queue that says whose messages wait in it. The broker ignores it.
const MARK: &str = "x-aldebaran-migrates";

/// Statistics of queues are this old at most, with some room.
const STATISTICS: Duration = Duration::from_secs(20);

/// How long a consumer that has left may still be counted, and a queue may not answer.
const LEAVING: Duration = Duration::from_secs(60);

/// An answer about a queue that took longer may be none (see [`QueueStatus`]).
const PROMPT: Duration = Duration::from_millis(200);

/// How long the mover waits for more messages, in the first round; twice as long in each further one.
const LINGER: Duration = Duration::from_millis(100);

/// How often a queue is emptied that holds messages again. What comes back from the mover counts
/// towards the delivery limit of a quorum queue.
const ROUNDS: u32 = 5;

/// The names of what a migration needs for a while.
pub(super) struct Names {
    /// The queue in which bindings and messages wait.
    pub(super) waiting: String,
    /// The exchange that leads there and nowhere else. A fanout, so that messages keep their
    /// routing keys, and a header CC does not route them anywhere once more.
    pub(super) out: String,
    /// The exchange that leads to the new queue and nowhere else.
    pub(super) back: String,
}

impl Names {
    pub(super) fn of(queue: &str) -> Self {
        Self {
            waiting: format!("{queue}.migrating"),
            out: format!("{queue}.migrating"),
            back: format!("{queue}.migrating.back"),
        }
    }
}

/// Whether this is the waiting queue of a migration of `queue`.
pub(super) fn is_ours(object: &Object, queue: &str) -> bool {
    let Object::Queue(waiting) = object else {
        return false;
    };
    let mark = waiting.arguments.get(MARK).and_then(Setting::text);
    mark == Some(queue)
}

/// One queue, made anew.
pub(super) struct Migration<'a> {
    place: &'a Place,
    management: &'a Management,
    wanted: &'a Queue,
    names: Names,
}

impl<'a> Migration<'a> {
    pub(super) fn new(place: &'a Place, management: &'a Management, wanted: &'a Queue) -> Self {
        Self {
            place,
            management,
            wanted,
            names: Names::of(&wanted.name),
        }
    }

    /// Goes through all that is still to be done; gives what came back into the new queue.
    pub(super) async fn run(&self) -> anyhow::Result<Moved> {
        let live = self.live().await?;
        match self.there(&live) {
            Some(queue) if !self.is_as_wanted(queue) => {
                self.clear(queue).await.context("empty the old queue")?;
                self.delete(&queue.name, queue.kind).await?;
                crash::point("deleted");
                self.declare().await?;
            }
            Some(_) => {}
            None => self.declare().await?,
        }
        crash::point("declared");
        self.bring_back().await
    }

    /// Bindings first to the waiting queue as well, then no longer to the old one, then the
    /// messages. Again, while somebody binds it meanwhile.
    async fn clear(&self, queue: &Queue) -> anyhow::Result<()> {
        self.make_waiting(queue).await?;
        crash::point("made");
        let waiting = Destination::Queue(self.names.waiting.clone());
        loop {
            let live = self.live().await?;
            let bindings = bindings_to(&live, &Destination::Queue(queue.name.clone()));
            self.carry(&bindings, &waiting, ["bound", "unbound"])
                .await?;
            let points = ["taken", "confirmed", "moving"];
            self.moved(&queue.name, &self.names.out, points).await?;
            if bindings.is_empty() {
                break;
            }
        }
        crash::point("emptied");
        Ok(())
    }

    async fn make_waiting(&self, old: &Queue) -> anyhow::Result<()> {
        let replicated = [old.kind, self.wanted.kind]
            .iter()
            .any(|kind| *kind != QueueKind::Classic);
        let mut arguments = Settings::from([
            (MARK.to_owned(), Setting::from(self.wanted.name.as_str())),
            ("x-queue-type".to_owned(), Setting::from("classic")),
        ]);
        if replicated {
            arguments.insert("x-queue-type".to_owned(), Setting::from("quorum"));
            // RabbitMQ 4 throws a message away after 20 returns, and a killed mover returns some.
            let never = Setting::Int(1_000_000_000);
            arguments.insert("x-delivery-limit".to_owned(), never);
        }
        let waiting = Queue {
            name: self.names.waiting.clone(),
            kind: if replicated {
                QueueKind::Quorum
            } else {
                QueueKind::Classic
            },
            durable: true,
            auto_delete: false,
            arguments,
        };
        let live = self.live().await?;
        if !live.objects.contains_key(&Key::Queue(waiting.name.clone())) {
            self.put(&Object::Queue(waiting.clone())).await?;
        }
        self.lead(&self.names.out, &waiting.name).await
    }

    async fn declare(&self) -> anyhow::Result<()> {
        self.put(&Object::Queue(self.wanted.clone())).await
    }

    /// The way back: bindings, messages, and then nothing is left of the migration.
    async fn bring_back(&self) -> anyhow::Result<Moved> {
        let waiting = Key::Queue(self.names.waiting.clone());
        let new = Destination::Queue(self.wanted.name.clone());
        let mut moved = Moved::default();
        let live = self.live().await?;
        if let Some(found) = live.objects.get(&waiting) {
            if !is_ours(&found.object, &self.wanted.name) {
                bail!("use {}: it is somebody else's queue", self.names.waiting);
            }
            self.lead(&self.names.back, &self.wanted.name).await?;
            let mut bindings = bindings_to(&live, &Destination::Queue(self.names.waiting.clone()));
            bindings.retain(|binding| binding.from != self.names.out);
            let points = ["bound-again", "unbound-again"];
            self.carry(&bindings, &new, points).await?;
            let points = ["taken-again", "confirmed-again", "returning"];
            let messages = self.moved(&self.names.waiting, &self.names.back, points);
            moved = messages.await.context("bring the messages back")?;
            crash::point("returned");
            let kind = match &found.object {
                Object::Queue(queue) => queue.kind,
                _ => QueueKind::Classic,
            };
            self.delete(&self.names.waiting, kind).await?;
            crash::point("cleaned");
        }
        let connection = broker::connect(&self.place.endpoint, "declare").await?;
        let channel = connection.channel().await?;
        for exchange in [&self.names.out, &self.names.back] {
            channel.delete_exchange(exchange).await?;
        }
        connection.close().await;
        Ok(moved)
    }

    /// Makes each binding lead to another queue as well, and then no longer to its own. Messages
    /// that arrive in between are in both.
    async fn carry(
        &self,
        bindings: &[Binding],
        to: &Destination,
        [bound, unbound]: [&str; 2],
    ) -> anyhow::Result<usize> {
        for binding in bindings {
            let copy = Binding {
                to: to.clone(),
                ..binding.clone()
            };
            self.put(&Object::Binding(copy)).await?;
        }
        crash::point(bound);
        for binding in bindings {
            let key = Key::Binding(binding.clone());
            self.management.delete_object(&key).await?;
        }
        crash::point(unbound);
        Ok(bindings.len())
    }

    /// Moves messages until none is left. What was on its way to the mover when it had seen the
    /// queue empty is there again when it has left, so it is looked at again.
    async fn moved(&self, queue: &str, exchange: &str, points: [&str; 3]) -> anyhow::Result<Moved> {
        let mut total = Moved::default();
        for round in 0..ROUNDS {
            let linger = LINGER * 2_u32.pow(round);
            self.move_once(queue, exchange, linger, points, &mut total)
                .await?;
            if self.messages_left(queue).await? == 0 {
                return Ok(total);
            }
        }
        bail!(
            "empty queue {queue}: it held messages again {ROUNDS} times; does anybody publish straight into it?"
        )
    }

    async fn move_once(
        &self,
        queue: &str,
        exchange: &str,
        linger: Duration,
        [taken, confirmed, acknowledged]: [&str; 3],
        total: &mut Moved,
    ) -> anyhow::Result<()> {
        let connection = broker::connect(&self.place.endpoint, "declare").await?;
        // Shown on a terminal only.
        let bar = ProgressBar::new_spinner();
        let before = total.messages;
        let mut tell = |moving: Moving| match moving {
            Moving::Taken => crash::point(taken),
            Moving::Confirmed => crash::point(confirmed),
            Moving::Moved(moved) => {
                let messages = before + moved.messages;
                bar.set_message(format!("{queue}: {messages} messages moved"));
                bar.tick();
                crash::point(acknowledged);
            }
        };
        let moving = connection.move_messages(queue, exchange, linger, &mut tell);
        let moved = moving.await;
        bar.finish_and_clear();
        connection.close().await;
        let moved = moved?;
        total.messages += moved.messages;
        total.without_user += moved.without_user;
        Ok(())
    }

    /// The messages in a queue that nobody consumes. While its consumer is counted, the mover may
    /// still hold some, so it is waited for.
    async fn messages_left(&self, queue: &str) -> anyhow::Result<u32> {
        let connection = broker::connect(&self.place.endpoint, "declare").await?;
        let channel = connection.channel().await?;
        let deadline = Instant::now() + LEAVING;
        let left = loop {
            let status = self.answered(&channel, queue).await?;
            if let Some(status) = status.filter(|status| status.consumers == 0) {
                break status.messages;
            }
            if Instant::now() > deadline {
                let why = status.map_or("its leader does not answer".to_owned(), |status| {
                    let consumers = u64::from(status.consumers);
                    format!("it has {} again", show::counted(consumers, "consumer"))
                });
                bail!("see queue {queue} empty: {why}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        connection.close().await;
        Ok(left)
    }

    /// What a queue itself says that it holds; nothing if it may not have been the queue. The
    /// waiting queue is asked for a message as well, which its leader answers, or nobody: an old
    /// one may have a single active consumer, and then cannot be asked so.
    async fn answered(
        &self,
        channel: &Channel,
        queue: &str,
    ) -> anyhow::Result<Option<QueueStatus>> {
        let mut got = 0;
        if queue == self.names.waiting
            && let Some(message) = channel.get(queue).await?
        {
            channel.nack(message.tag(), true).await?;
            got = 1;
        }
        let asked = Instant::now();
        let status = channel.queue_status(queue).await?;
        let is_prompt = asked.elapsed() < PROMPT;
        Ok(
            (is_prompt || status != QueueStatus::NOTHING).then(|| QueueStatus {
                messages: status.messages.max(got),
                ..status
            }),
        )
    }

    /// Deletes a queue that holds nothing. The broker guards a classic one itself; another is
    /// looked at just before. Whether somebody holds messages unacknowledged, only the statistics
    /// know.
    async fn delete(&self, queue: &str, kind: QueueKind) -> anyhow::Result<()> {
        self.nothing_is_held(queue).await?;
        let left = self.messages_left(queue).await?;
        if left > 0 {
            bail!("delete queue {queue}: it holds {left} messages again");
        }
        let connection: Connection = broker::connect(&self.place.endpoint, "declare").await?;
        let channel = connection.channel().await?;
        let guarded = kind == QueueKind::Classic;
        let gone = channel.delete_emptied(queue, guarded).await?;
        connection.close().await;
        if gone > 0 {
            tracing::error!(
                queue,
                gone,
                "messages came into the queue in the moment of its deletion, and are lost"
            );
        }
        Ok(())
    }

    /// Waits until the statistics, which are some seconds old, say that nobody holds a message.
    async fn nothing_is_held(&self, queue: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + STATISTICS;
        loop {
            let counts = self.management.counts().await?.get(queue).copied();
            match counts {
                Some(counts) if counts.messages == 0 => return Ok(()),
                Some(counts) if Instant::now() > deadline => {
                    return Err(anyhow!(
                        "delete queue {queue}: by the statistics it holds {} messages, which somebody may have taken and not acknowledged",
                        counts.messages
                    ));
                }
                None if Instant::now() > deadline => {
                    tracing::warn!(queue, "the broker has no statistics of the queue");
                    return Ok(());
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// A durable fanout exchange that leads to one queue.
    async fn lead(&self, exchange: &str, queue: &str) -> anyhow::Result<()> {
        self.put(&Object::Exchange(Exchange {
            name: exchange.to_owned(),
            kind: ExchangeKind::Fanout,
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: Settings::new(),
        }))
        .await?;
        self.put(&Object::Binding(Binding {
            from: exchange.to_owned(),
            to: Destination::Queue(queue.to_owned()),
            key: String::new(),
            arguments: Settings::new(),
        }))
        .await
    }

    async fn put(&self, object: &Object) -> anyhow::Result<()> {
        let (key, none) = (object.key(), Default::default());
        let put = self.management.put_object(object, None, None, &none);
        put.await
            .with_context(|| format!("create {} {key}", key.kind()))
    }

    async fn live(&self) -> anyhow::Result<State> {
        let live = self.management.live(&BTreeSet::new()).await;
        Ok(live.context("read the broker")?.state)
    }

    fn there<'s>(&self, live: &'s State) -> Option<&'s Queue> {
        match &live
            .objects
            .get(&Key::Queue(self.wanted.name.clone()))?
            .object
        {
            Object::Queue(queue) => Some(queue),
            _ => None,
        }
    }

    fn is_as_wanted(&self, queue: &Queue) -> bool {
        let [there, wanted] = [queue, self.wanted].map(|one| Object::Queue(one.clone()));
        there.properties() == wanted.properties()
    }
}

fn bindings_to(live: &State, to: &Destination) -> Vec<Binding> {
    let bindings = live.objects.keys().filter_map(|key| match key {
        Key::Binding(binding) if binding.to == *to => Some(binding.clone()),
        _ => None,
    });
    bindings.collect()
}
