//! The way to the one who writes: requests queue up, go into groups, and are answered after the
//! group's commit. The same for every kind of ledger.

use tokio::sync::{mpsc, oneshot};

use crate::{Error, ledger::Reply};

/// Requests that may wait; more make their senders wait.
const QUEUE: usize = 1024;
/// Requests in one transaction.
const GROUP: usize = 512;

/// What the one who writes is told; `R` is what it can carry out.
pub(crate) enum Command<R: ?Sized> {
    /// Work for the next group.
    Run(Box<R>),
    /// Finish what was asked, let go, say so.
    Close(oneshot::Sender<()>),
}

/// Where requests are put in.
#[derive(Debug)]
pub(crate) struct Requests<R: ?Sized>(mpsc::Sender<Command<R>>);

/// Where they come out.
pub(crate) type Queue<R> = mpsc::Receiver<Command<R>>;

/// A queue with both of its ends.
pub(crate) fn queue<R: ?Sized>() -> (Requests<R>, Queue<R>) {
    let (commands, queue) = mpsc::channel(QUEUE);
    (Requests(commands), queue)
}

impl<R: ?Sized> Clone for Requests<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: ?Sized + Send> Requests<R> {
    /// Puts a request in, made with the place for its answer, and waits for that. It is in the
    /// queue when this is polled first, unless the queue is full.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(Place<T>) -> Box<R>,
    ) -> Reply<'_, T> {
        let (reply, answer) = oneshot::channel();
        let place = Place {
            result: None,
            reply,
        };
        let command = Command::Run(request(place));
        Box::pin(async move {
            self.0.send(command).await.map_err(|_| Error::Closed)?;
            answer.await.map_err(|_| Error::Closed)?
        })
    }

    /// Waits until all that was asked before is done.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.send(Command::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// The place for an answer, until the commit.
pub(crate) struct Place<T> {
    pub(crate) result: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T> Place<T> {
    /// Hands the result to whoever asked, if it is committed.
    pub(crate) fn answer(self, committed: Result<(), Error>) {
        let Self { result, reply } = self;
        // Whoever asked may be gone; the work is done all the same.
        let _ = reply.send(committed.and_then(|()| result.ok_or(Error::Closed)));
    }
}

/// Requests for one transaction, and the good-bye that came behind them.
pub(crate) struct Group<R: ?Sized> {
    pub(crate) requests: Vec<Box<R>>,
    pub(crate) close: Option<oneshot::Sender<()>>,
}

/// What has queued up behind the first, as far as it fits.
pub(crate) fn gather<R: ?Sized>(first: Command<R>, queue: &mut Queue<R>) -> Group<R> {
    let mut group = Group {
        requests: Vec::new(),
        close: None,
    };
    let mut next = Some(first);
    while let Some(command) = next.take() {
        match command {
            Command::Run(request) => group.requests.push(request),
            Command::Close(done) => {
                group.close = Some(done);
                break;
            }
        }
        if group.requests.len() < GROUP {
            next = queue.try_recv().ok();
        }
    }
    group
}
