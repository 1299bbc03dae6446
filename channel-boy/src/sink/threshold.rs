//! The two points of an attempt: the ledger says `sending`, on disk; and the first byte leaves.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;

use super::Answer;
use crate::crash;

/// What makes the ledger say `sending`. False when its lease is over: nothing may be sent.
type Begin = Box<dyn Fn() -> BoxFuture<'static, Result<bool, ledger::Error>> + Send + Sync>;

/// What stands between an attempt and its first byte.
#[derive(Default)]
pub(crate) struct Threshold {
    /// `None` when there is nothing to begin: it is begun, or there is no ledger (a test alert).
    begin: Option<Begin>,
    begun: AtomicBool,
    crossed: AtomicBool,
    fault: OnceLock<ledger::Error>,
    /// No letter is sent here, only a question: no crash point is passed.
    is_quiet: bool,
}

impl Threshold {
    /// Of an entry that is only claimed.
    pub(crate) fn ahead(begin: Begin) -> Self {
        Self {
            begin: Some(begin),
            ..Self::default()
        }
    }

    /// Of what is no letter.
    pub(crate) fn quiet() -> Self {
        Self {
            is_quiet: true,
            ..Self::default()
        }
    }

    /// Has the ledger say `sending`, on disk: to be called when everything that may wait or fail
    /// without the letter (a connection, a login) is done. From here on a crash leaves a doubt.
    ///
    /// # Errors
    /// The answer of an attempt that may not go on.
    pub(crate) async fn begin(&self) -> Result<Begun<'_>, Answer> {
        if let Some(begin) = &self.begin
            && !self.is_begun()
        {
            match begin().await {
                Ok(true) => {}
                Ok(false) => return Err(Answer::not_taken("its lease ended before it began")),
                Err(error) => {
                    let why = error.to_string();
                    let _only_the_first = self.fault.set(error);
                    return Err(Answer::not_taken(why));
                }
            }
        }
        self.begun.store(true, Ordering::SeqCst);
        self.point("sending");
        Ok(Begun(self))
    }

    /// Whether the ledger said `sending` for this attempt, or needs not to.
    pub(crate) fn is_begun(&self) -> bool {
        self.begin.is_none() || self.begun.load(Ordering::SeqCst)
    }

    /// What went wrong with the ledger.
    pub(crate) fn fault(&self) -> Option<&ledger::Error> {
        self.fault.get()
    }

    fn point(&self, name: &str) {
        if !self.is_quiet {
            crash::point(name);
        }
    }

    /// What an attempt that ended without an answer amounts to.
    pub(crate) fn cut_off(&self, why: impl Into<String>) -> Answer {
        if self.crossed.load(Ordering::SeqCst) {
            Answer::Unknown(why.into())
        } else {
            Answer::not_taken(why)
        }
    }
}

/// An attempt that may send.
pub(crate) struct Begun<'a>(&'a Threshold);

impl Begun<'_> {
    /// Right before the first byte that may make the provider take the letter.
    pub(crate) fn cross(&self) {
        self.0.crossed.store(true, Ordering::SeqCst);
        self.0.point("threshold");
    }
}
