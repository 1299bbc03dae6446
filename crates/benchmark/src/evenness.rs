//! Whether the machine itself is equally fast all the time.
//!
//! A virtual machine shares caches and memory with others, and nothing that it counts tells when
//! they are slow: neither stolen time nor a late timer. So a thread walks over memory that is too
//! large for a core's own caches, 2048 cache lines every two milliseconds, and takes down how long
//! that took, in its own processor time, so that waiting for a core does not count. A walk that
//! takes three times as long as the usual one is slow. It costs about 3% of a core.

use std::hint::black_box;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use rustix::time::{ClockId, clock_gettime};

use crate::results::Figure;

/// What is walked over: some of it is far away whatever the others do.
const BYTES: usize = 32 << 20;
/// From one line that is read to the next: of another page, and mostly of the same cache sets.
const STRIDE: usize = 16 << 10;
/// Lines lie so far apart.
const LINE: usize = 64;
/// Other lines are read with each walk, until all were.
const WALKS: usize = STRIDE / LINE;

const EVERY: Duration = Duration::from_millis(2);

/// How many times as long as the usual walk a slow one takes.
const SLOW: f64 = 3.0;

/// How long the queues of a slow moment may take to be empty again: what was due until then is its.
const RECOVERY_US: i64 = 80_000;
/// What was due so shortly before a slow walk may have met the same.
const BEFORE_US: i64 = 10_000;

/// Walks until it is asked to stop, or dropped.
pub(crate) struct Walker {
    is_stopped: Arc<AtomicBool>,
    walking: Option<JoinHandle<Vec<Walk>>>,
}

/// One walk.
#[derive(Debug, Clone, Copy)]
struct Walk {
    /// When it ended, in microseconds since the epoch.
    at_us: i64,
    /// What it took, in microseconds of processor time.
    took_us: f64,
}

/// What the walks of some time came to.
#[derive(Debug)]
pub(crate) struct Evenness {
    /// The usual walk and the longest one, in microseconds.
    pub(crate) usual_us: f64,
    pub(crate) longest_us: f64,
    /// When they ended, and when slow ones did, in microseconds since the epoch, in order.
    all_us: Vec<i64>,
    slow_us: Vec<i64>,
}

impl Walker {
    pub(crate) fn start() -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let walking = spawn(move || {
            let mut memory = vec![1_u8; BYTES];
            let mut walks = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                walks.push(walk(&mut memory, walks.len()));
                sleep(EVERY);
            }
            walks
        });
        Self {
            is_stopped,
            walking: Some(walking),
        }
    }

    pub(crate) fn stop(mut self) -> Result<Evenness> {
        self.is_stopped.store(true, Ordering::Relaxed);
        let walks = self.walking.take().map_or(Ok(Vec::new()), JoinHandle::join);
        let walks = walks.map_err(|_| anyhow!("walk over memory: the thread panicked"))?;
        Evenness::of(&walks).ok_or_else(|| anyhow!("walk over memory: there was no time for it"))
    }

    /// The machine by itself, for some time.
    pub(crate) fn alone(time: Duration) -> Result<Evenness> {
        let walker = Self::start();
        sleep(time);
        walker.stop()
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

impl Evenness {
    fn of(walks: &[Walk]) -> Option<Self> {
        let took = Figure::of(walks.iter().map(|walk| walk.took_us))?;
        let slow = walks
            .iter()
            .filter(|walk| walk.took_us > SLOW * took.median);
        let slow_us: Vec<_> = slow.map(|walk| walk.at_us).collect();
        Some(Self {
            usual_us: took.median,
            longest_us: took.most,
            all_us: walks.iter().map(|walk| walk.at_us).collect(),
            slow_us,
        })
    }

    /// Which part of the walks that ended in this time was slow.
    pub(crate) fn slow_part(&self, time: RangeInclusive<i64>) -> f64 {
        let inside = |ends: &[i64]| {
            let before = ends.partition_point(|at| at < time.start());
            ends.partition_point(|at| at <= time.end())
                .saturating_sub(before)
        };
        inside(&self.slow_us) as f64 / inside(&self.all_us).max(1) as f64
    }

    /// A machine whose slow walks ended at these times.
    #[cfg(test)]
    pub(crate) fn with_slow(slow_us: Vec<i64>) -> Self {
        Self {
            usual_us: 50.0,
            longest_us: 500.0,
            all_us: (0..1000).map(|walk| walk * 2000).collect(),
            slow_us,
        }
    }

    /// Whether what was due then met a slow moment or what such a one left behind.
    pub(crate) fn is_slow_at(&self, due_us: i64) -> bool {
        let first = self
            .slow_us
            .partition_point(|at| *at < due_us - RECOVERY_US);
        self.slow_us
            .get(first)
            .is_some_and(|at| *at <= due_us + BEFORE_US)
    }
}

fn walk(memory: &mut [u8], number: usize) -> Walk {
    let began_us = thread_time_us();
    let first = number % WALKS * LINE;
    for byte in memory.iter_mut().skip(first).step_by(STRIDE) {
        *byte = black_box(byte.wrapping_add(1));
    }
    let took_us = thread_time_us() - began_us;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Walk {
        at_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        took_us,
    }
}

fn thread_time_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_walk_is_slow_beside_the_usual_one() {
        let walk = |(at_ms, took_us): (i64, f64)| Walk {
            at_us: at_ms * 1000,
            took_us,
        };
        let mut walks: Vec<_> = (0..97).map(|at| walk((at * 2, 50.0))).collect();
        walks.extend([(1000, 149.0), (1002, 151.0), (1004, 400.0)].map(walk));
        let evenness = Evenness::of(&walks).unwrap();
        assert_eq!((evenness.usual_us, evenness.longest_us), (50.0, 400.0));
        assert_eq!(evenness.slow_part(i64::MIN..=i64::MAX), 0.02);
        assert_eq!(evenness.slow_part(1_000_000..=1_002_000), 0.5);
        let slow = |at_ms: i64| evenness.is_slow_at(at_ms * 1000);
        assert!(!slow(100) && !slow(991) && !slow(1085));
        assert!(slow(992) && slow(1002) && slow(1084));
        assert!(Evenness::of(&[]).is_none());
    }

    #[test]
    fn a_walker_that_is_dropped_walks_no_more() {
        let walker = Walker::start();
        let held = Arc::clone(&walker.is_stopped);
        drop(walker);
        let deadline = Instant::now() + Duration::from_secs(30);
        // The thread lets go of it when it ends.
        while Arc::strong_count(&held) > 1 {
            assert!(Instant::now() < deadline, "it still walks");
            sleep(EVERY);
        }
    }

    #[test]
    fn walks_are_taken_down_until_they_are_stopped() {
        let evenness = Walker::alone(Duration::from_millis(50)).unwrap();
        assert!(evenness.usual_us > 0.0 && evenness.longest_us >= evenness.usual_us);
    }
}
