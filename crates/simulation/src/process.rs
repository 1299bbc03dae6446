//! A process: a program's future, and its wish to go on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use broker::Error;
use futures::task::AtomicWaker;

/// A process of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub usize);

pub(crate) type Task = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

pub(crate) struct Process {
    /// `None` when it has ended.
    pub(crate) task: Option<Task>,
    pub(crate) outcome: Option<Result<(), Error>>,
    wish: Arc<Wish>,
    pub(crate) is_paused: bool,
    /// At how many more points it waits, if it is to die at one.
    pub(crate) waits_left: Option<u64>,
}

/// A process's wish to go on.
struct Wish {
    is_there: AtomicBool,
    scheduler: Arc<AtomicWaker>,
}

impl Wake for Wish {
    fn wake(self: Arc<Self>) {
        self.is_there.store(true, Ordering::Relaxed);
        self.scheduler.wake();
    }
}

impl Process {
    pub(crate) fn new(task: Task, scheduler: Arc<AtomicWaker>) -> Self {
        Process {
            task: Some(task),
            outcome: None,
            wish: Arc::new(Wish {
                is_there: AtomicBool::new(true),
                scheduler,
            }),
            is_paused: false,
            waits_left: None,
        }
    }

    /// Goes on until it waits or ends; gives whether it is to die where it waits.
    pub(crate) fn go_on(&mut self) -> bool {
        self.wish.is_there.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.wish));
        let Some(task) = &mut self.task else {
            return false;
        };
        if let Poll::Ready(outcome) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.outcome = Some(outcome);
            self.task = None;
            return false;
        }
        let waits_left = self.waits_left.map(|waits| waits.saturating_sub(1));
        self.waits_left = waits_left;
        waits_left == Some(0)
    }

    pub(crate) fn wants_to_go_on(&self) -> bool {
        self.task.is_some() && !self.is_paused && self.wish.is_there.load(Ordering::Relaxed)
    }
}
