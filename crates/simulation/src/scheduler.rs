//! The scheduler: which process goes on next, and what happens to it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use broker::Error;
use futures::task::AtomicWaker;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::client::{SimulatedHost, lock};
use crate::network::{Network, Weather};
use crate::process::{Process, ProcessId};

/// The broker misses a paused process after this many milliseconds.
const HEARTBEATS_MISSED_MS: std::ops::Range<u64> = 12_000..18_000;

/// So many steps without time going on mean that two wake each other for ever.
const LIVELOCK: u32 = 1_000_000;

/// A broker, the processes around it, and time. Needs a runtime of one thread whose clock is
/// paused.
pub struct Simulation {
    network: Arc<Mutex<Network>>,
    processes: Vec<Process>,
    woken: Arc<AtomicWaker>,
    start: Instant,
    start_us: i64,
}

impl Simulation {
    /// A broker without objects, while clocks show `start_us` microseconds since the epoch.
    #[must_use]
    pub fn new(seed: u64, start_us: i64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Simulation {
            network: Arc::new(Mutex::new(Network::new(random))),
            processes: Vec::new(),
            woken: Arc::default(),
            start: Instant::now(),
            start_us,
        }
    }

    pub(crate) fn network(&self) -> MutexGuard<'_, Network> {
        let mut network = lock(&self.network);
        network.now_ms = self.now_ms();
        network
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Starts a process whose clock is ahead by some microseconds.
    pub fn start<T>(&mut self, ahead_us: i64, main: impl FnOnce(SimulatedHost) -> T) -> ProcessId
    where
        T: Future<Output = Result<(), Error>> + 'static,
    {
        let host = SimulatedHost {
            network: Arc::clone(&self.network),
            process: self.processes.len(),
            start_us: self.start_us + ahead_us,
        };
        let process = Process::new(Box::pin(main(host)), Arc::clone(&self.woken));
        self.processes.push(process);
        ProcessId(self.processes.len() - 1)
    }

    /// Whether it has neither ended nor been killed.
    #[must_use]
    pub fn is_running(&self, id: ProcessId) -> bool {
        self.processes[id.0].task.is_some()
    }

    /// How it ended, if it did so by itself.
    #[must_use]
    pub fn outcome(&self, id: ProcessId) -> Option<&Result<(), Error>> {
        self.processes[id.0].outcome.as_ref()
    }

    /// Ends a process where it stands.
    pub fn kill(&mut self, id: ProcessId) {
        self.network().kill(id.0);
        self.processes[id.0].task = None;
    }

    /// Ends a process at the `operations`th thing from now that it asks of the broker, just
    /// before or after.
    pub fn kill_at(&mut self, id: ProcessId, operations: u64) {
        self.network().doomed.insert(id.0, operations);
    }

    /// Ends a process at the `waits`th point from now at which it waits for anything.
    pub fn kill_at_wait(&mut self, id: ProcessId, waits: u64) {
        self.processes[id.0].waits_left = Some(waits);
    }

    /// Lets a process stand still. The broker misses it after a while.
    pub fn pause(&mut self, id: ProcessId) {
        self.processes[id.0].is_paused = true;
        let mut network = self.network();
        let missed_ms = network.now_ms + network.random.random_range(HEARTBEATS_MISSED_MS);
        for number in 0..network.connections.len() {
            let wire = &network.connections[number];
            if wire.process == id.0 && wire.broker_is_up {
                // Cancelled by `resume`.
                network.at(missed_ms, move |network| {
                    if network.paused.contains(&id.0) {
                        network.broker_loses(number);
                        network.client_loses(number);
                    }
                });
            }
        }
        network.paused.insert(id.0);
    }

    /// Lets a paused process go on.
    pub fn resume(&mut self, id: ProcessId) {
        self.processes[id.0].is_paused = false;
        self.network().paused.remove(&id.0);
    }

    /// Cuts one of the connections of a process.
    pub fn cut(&mut self, id: ProcessId) {
        let mut network = self.network();
        let of_process: Vec<_> = (0..network.connections.len())
            .filter(|&number| network.connections[number].process == id.0)
            .filter(|&number| network.connections[number].broker_is_up)
            .collect();
        if !of_process.is_empty() {
            let place = network.random.random_range(0..of_process.len());
            network.cut(of_process[place]);
        }
    }

    /// Kills the broker; it is there again after so many milliseconds.
    pub fn kill_broker(&mut self, for_ms: u64) {
        let mut network = self.network();
        let back_ms = network.now_ms + for_ms;
        network.kill_broker(back_ms);
    }

    /// The broker takes no messages for so many milliseconds.
    pub fn block(&mut self, for_ms: u64) {
        let mut network = self.network();
        network.blocked_until_ms = network.now_ms + for_ms;
    }

    /// What is published to an exchange comes back for so many milliseconds, as if no queue were
    /// bound to it.
    pub fn unbind(&mut self, exchange: &str, for_ms: u64) {
        let mut network = self.network();
        let until_ms = network.now_ms + for_ms;
        network
            .returned_until_ms
            .insert(exchange.to_owned(), until_ms);
    }

    /// Changes how things go from now on. What was left unanswered is answered.
    pub fn change(&mut self, weather: Weather) {
        self.network().change(weather);
    }

    /// Lets things happen for so many milliseconds.
    pub async fn run_for(&mut self, ms: u64) {
        let until_ms = self.now_ms() + ms;
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut steps = 0;
        let run = poll_fn(|context| {
            self.woken.register(context.waker());
            loop {
                steps += 1;
                assert!(steps < LIVELOCK, "time stands still at {}", self.now_ms());
                if self.step() {
                    continue;
                }
                steps = 0;
                let now_ms = self.now_ms();
                if now_ms >= until_ms {
                    return Poll::Ready(());
                }
                let next_ms = self.network().next_event_ms().unwrap_or(until_ms);
                let next = self.start + Duration::from_millis(next_ms.min(until_ms));
                timer.as_mut().reset(next);
                if timer.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
        });
        tokio::task::unconstrained(run).await;
    }

    /// Does one of the things that can be done now; gives whether there was one.
    fn step(&mut self) -> bool {
        let ready: Vec<_> = (0..self.processes.len())
            .filter(|&number| self.processes[number].wants_to_go_on())
            .collect();
        let mut network = self.network();
        let is_due = network
            .next_event_ms()
            .is_some_and(|at_ms| at_ms <= network.now_ms);
        let choices = ready.len() + usize::from(is_due);
        if choices == 0 {
            return false;
        }
        let choice = network.random.random_range(0..choices);
        match ready.get(choice) {
            Some(&number) => {
                drop(network);
                self.go_on(number);
            }
            None => network.happen(),
        }
        true
    }

    fn go_on(&mut self, number: usize) {
        let dies = self.processes[number].go_on();
        if dies {
            self.network().kill(number);
        }
        if lock(&self.network).dead.contains(&number) {
            self.processes[number].task = None;
        }
    }
}
