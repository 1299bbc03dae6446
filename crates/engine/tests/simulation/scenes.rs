//! What happens to the auditors in scenes that are played by a plan.

use rand::Rng;
use simulation::Weather;

use super::world::World;
use super::{ALERTS, progress_queue};

/// How long the next in the line may wait for the token of one that was killed.
const AT_ONCE_MS: u64 = 100;

/// Longer than a draining, a hand-over and the counts of the roster before them.
const ALARM_MS: u64 = 40_000;

impl World {
    /// Kills owners at any operation, one after the other; each time another one must have the
    /// token at once.
    pub(crate) async fn kill_owners(&mut self, kills: u32) {
        self.wanted = self.wanted.max(2);
        self.settle().await;
        for _ in 0..kills {
            let queue = progress_queue(self.random.random_range(0..self.market.shards));
            let owner = self.simulation.holder(&queue).expect("an owner");
            let operations = self.random.random_range(1..30);
            self.tell(&format!(
                "kill {owner:?} of {queue} at operation {operations}"
            ));
            self.simulation.kill_at(owner, operations);
            while self.simulation.is_running(owner) {
                self.simulation.run_for(10).await;
            }
            self.simulation.run_for(AT_ONCE_MS).await;
            let next = self.simulation.holder(&queue);
            assert!(
                next.is_some_and(|next| next != owner),
                "{next:?}: {}",
                self.story()
            );
            self.see_to_the_auditors();
            self.simulation.run_for(1000).await;
        }
    }

    /// One auditor has to give shards to a second one while the broker takes nothing for longer
    /// than a hand-over lasts; then it is alone again.
    pub(crate) async fn hand_over_in_vain(&mut self) {
        self.wanted = 1;
        self.settle().await;
        self.tell("an alarm, and a second auditor");
        self.simulation.block(ALARM_MS);
        self.wanted = 2;
        self.settle().await;
        self.simulation.run_for(ALARM_MS).await;
        self.settle().await;
        self.tell("the second auditor is killed");
        self.wanted = 1;
        self.simulation.kill(self.auditors[1].id);
        self.settle().await;
    }

    /// Kills owners while the broker returns alerts, but lets nobody leave a shard unread for
    /// longer than a draining and a change of owner last.
    pub(crate) async fn keep_alerts_back(&mut self) {
        self.wanted = self.wanted.max(2);
        let end_ms = self.end_ms();
        while self.simulation.now_ms() < end_ms {
            self.see_to_the_auditors();
            let for_ms = self.random.random_range(5000..30_000);
            self.tell(&format!("alerts come back for {for_ms}"));
            self.simulation.unbind(ALERTS, for_ms);
            let pause_ms = self.random.random_range(4000..8000);
            self.simulation.run_for(pause_ms).await;
            let queue = progress_queue(self.random.random_range(0..self.market.shards));
            self.kill_owner(&queue);
        }
        self.settle().await;
    }

    /// All auditors die when the market is read and the alerts of its second half are not out.
    pub(crate) async fn die_with_alerts(&mut self) {
        let (half_ms, end_ms) = (self.end_ms() / 2, self.end_ms() + 2000);
        while self.simulation.now_ms() < end_ms {
            self.see_to_the_auditors();
            self.simulation.run_for(500).await;
            let now_ms = self.simulation.now_ms();
            if now_ms > half_ms {
                self.simulation
                    .unbind(ALERTS, end_ms.saturating_sub(now_ms));
            }
        }
        self.tell("all are killed");
        for auditor in &self.auditors {
            self.simulation.kill(auditor.id);
        }
    }

    /// Kills the first auditor at that point at which it waits; gives whether it
    /// lives in the end.
    pub(crate) async fn kill_the_first_at_wait(&mut self, waits: u64) -> bool {
        self.simulation.change(Weather::CALM);
        self.wanted = 1;
        self.see_to_the_auditors();
        let first = self.auditors[0].id;
        self.tell(&format!("{first:?} dies at wait {waits}"));
        self.simulation.kill_at_wait(first, waits);
        while self.simulation.now_ms() < self.end_ms() {
            self.see_to_the_auditors();
            self.simulation.run_for(500).await;
        }
        self.settle().await;
        self.simulation.is_running(first)
    }

    /// All auditors die and the tokens are lost. From now to the end of the market, tokens of that
    /// time come back, and owners die.
    pub(crate) async fn bring_old_tokens_back(&mut self) {
        let old = self.simulation.stored();
        self.tell("all are killed and all tokens are lost");
        for auditor in &self.auditors {
            self.simulation.kill(auditor.id);
        }
        for shard in 0..self.market.shards {
            self.simulation.purge(&progress_queue(shard));
        }
        while self.simulation.now_ms() < self.end_ms() {
            self.see_to_the_auditors();
            let pause_ms = self.random.random_range(1..1500);
            self.simulation.run_for(pause_ms).await;
            let queue = progress_queue(self.random.random_range(0..self.market.shards));
            match self.random.random_range(0..4) {
                0 => self.change_weather(),
                1 => self.bring_back(&queue, &old),
                _ => self.kill_owner(&queue),
            }
        }
        self.settle().await;
    }

    fn kill_owner(&mut self, queue: &str) {
        if let Some(owner) = self.simulation.holder(queue) {
            self.tell(&format!("kill {owner:?} of {queue}"));
            self.simulation.kill(owner);
        }
    }
}
