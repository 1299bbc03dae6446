//! The one task that talks to the server: it takes what has queued up, sends it as one
//! transaction without waiting in between, and answers after the commit. While a commit waits
//! for the server's disk the next group gathers. A server that is away is waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::session::{NoSession, Session, is_collision, is_lost, words};
use crate::{
    Error,
    location::Server,
    queue::{Place, Queue, gather},
};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all, join3},
};

/// A transaction that takes longer means that the server is lost.
const LONGEST: Duration = Duration::from_secs(30);
/// The pauses between tries to connect: doubling from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

pub(super) type Ran<T> = Result<T, tokio_postgres::Error>;
/// What a request does on a session. The flag says that it may have been done before, by a
/// transaction whose end was not heard.
type Work<T> = Box<dyn Fn(Arc<Session>, bool) -> BoxFuture<'static, Ran<T>> + Send + Sync>;

/// A request whose answer waits for the commit.
pub(super) trait Request: Send {
    fn run(&mut self, session: &Arc<Session>, again: bool) -> BoxFuture<'_, Ran<()>>;
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// A piece of work and where its result goes.
pub(super) struct Asked<T> {
    work: Work<T>,
    place: Place<T>,
}

impl<T> Asked<T> {
    pub(super) fn new(work: Work<T>, place: Place<T>) -> Self {
        Self { work, place }
    }
}

impl<T: Send + 'static> Request for Asked<T> {
    fn run(&mut self, session: &Arc<Session>, again: bool) -> BoxFuture<'_, Ran<()>> {
        let running = (self.work)(Arc::clone(session), again);
        async move {
            self.place.result = Some(running.await?);
            Ok(())
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        self.place.answer(committed);
    }
}

/// What the task shares with its handles.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) commits: AtomicU64,
    pub(super) ahead_ms: AtomicI64,
}

/// The task's main: ends when told to, or when every handle is dropped.
pub(super) async fn run(
    server: Server,
    session: Session,
    mut commands: Queue<dyn Request>,
    shared: Arc<Shared>,
) {
    let mut writer = Writer {
        server,
        session: Some(Arc::new(session)),
        shared,
    };
    let mut told_to_close = None;
    while told_to_close.is_none() {
        let Some(first) = commands.recv().await else {
            break;
        };
        let mut group = gather(first, &mut commands);
        told_to_close = group.close;
        if !group.requests.is_empty() {
            let done = writer.commit(&mut group.requests).await;
            writer.shared.commits.fetch_add(1, Ordering::Relaxed);
            for request in group.requests {
                request.answer(done.clone());
            }
        }
    }
    if let Some(done) = told_to_close {
        let _ = done.send(());
    }
}

struct Writer {
    server: Server,
    session: Option<Arc<Session>>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Carries a group out, as often as it takes.
    async fn commit(&mut self, group: &mut [Box<dyn Request>]) -> Result<(), Error> {
        let mut again = false;
        loop {
            let session = self.session().await?;
            let ran = tokio::time::timeout(LONGEST, transact(&session, group, again)).await;
            match ran {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if is_collision(&error) => {}
                Ok(Err(error)) if is_lost(&error) => {
                    tracing::warn!("lost the ledger's server: {}", words(&error));
                    (self.session, again) = (None, true);
                }
                Ok(Err(error)) => return Err(refused(words(&error))),
                Err(_) => {
                    tracing::warn!("lost the ledger's server: no answer within {LONGEST:?}");
                    (self.session, again) = (None, true);
                }
            }
        }
    }

    /// The session, or a new one as soon as there is one.
    async fn session(&mut self) -> Result<Arc<Session>, Error> {
        let mut pause = FIRST_PAUSE;
        let mut said = false;
        loop {
            if let Some(session) = &self.session {
                return Ok(Arc::clone(session));
            }
            match Session::open(&self.server).await {
                Ok(session) => {
                    if said {
                        tracing::info!("the ledger's server is back");
                    }
                    self.shared
                        .ahead_ms
                        .store(session.ahead_ms, Ordering::Relaxed);
                    self.session = Some(Arc::new(session));
                    continue;
                }
                Err(NoSession::Refused(why)) => return Err(refused(why)),
                Err(NoSession::Away(why)) if !said => {
                    tracing::warn!("waiting for the ledger, {}: {why}", self.server);
                    said = true;
                }
                Err(NoSession::Away(_)) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn refused(reason: String) -> Error {
    Error::Storage {
        reason,
        remedy: "mend what the server complains of, then start again",
    }
}

/// All of a group or nothing of it: an error here is the server's, never one request's own, and
/// the server turns the COMMIT behind it into a ROLLBACK.
async fn transact(session: &Arc<Session>, group: &mut [Box<dyn Request>], again: bool) -> Ran<()> {
    let requests = join_all(group.iter_mut().map(|request| request.run(session, again)));
    // Polled in this order, so sent in this order.
    let (begun, ran, committed) = join3(
        session.command("BEGIN"),
        requests,
        session.command("COMMIT"),
    )
    .await;
    begun?;
    ran.into_iter().collect::<Ran<Vec<()>>>()?;
    committed
}
