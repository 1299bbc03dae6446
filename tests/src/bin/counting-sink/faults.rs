//! What goes wrong, on order: the file `faults` has a line for each order, `FAULT TIMES NEEDLE`.
//! It holds for the next so many messages that have the needle anywhere in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One way to treat a message badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is reset before the message itself is read.
    ResetBeforeBody,
    /// It is accepted, and nothing is ever said.
    AcceptHang,
    /// It is accepted, and the connection reset.
    AcceptReset,
    /// It is not accepted: come again, after 1 s where the wire can say so.
    Busy,
    /// It is not accepted, and nobody says why.
    Broken,
    /// The same, but it is accepted.
    AcceptBroken,
    /// It is not accepted and never will be.
    Never,
    /// It is accepted, and said so later.
    Late(Duration),
}

/// The orders, read anew for each message.
pub(crate) struct Faults {
    file: PathBuf,
    /// How often each line was carried out.
    done: Mutex<Vec<u32>>,
}

impl Faults {
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            done: Mutex::new(Vec::new()),
        }
    }

    /// Whether the connection is to be reset now that only the `head` is known.
    pub(crate) fn before_body(&self, head: &str) -> bool {
        self.take(head, |fault| fault == Fault::ResetBeforeBody)
            .is_some()
    }

    /// What is to happen to a message that was read.
    pub(crate) fn after_body(&self, head: &str, body: &str) -> Option<Fault> {
        let whole = format!("{head}\n{body}");
        self.take(&whole, |fault| fault != Fault::ResetBeforeBody)
    }

    fn take(&self, message: &str, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
        let orders = fs::read_to_string(&self.file).unwrap_or_default();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let known = done.len().max(orders.lines().count());
        done.resize(known, 0);
        for (line, done) in orders.lines().zip(done.iter_mut()) {
            let Some((fault, times, needle)) = order(line) else {
                eprintln!("not an order: {line:?}");
                continue;
            };
            if wanted(fault) && *done < times && message.contains(needle) {
                *done += 1;
                return Some(fault);
            }
        }
        None
    }
}

fn order(line: &str) -> Option<(Fault, u32, &str)> {
    let mut words = line.splitn(3, ' ');
    let (fault, times, needle) = (words.next()?, words.next()?, words.next()?);
    let fault = match fault.split_once(':').unwrap_or((fault, "")) {
        ("reset-before-body", _) => Fault::ResetBeforeBody,
        ("accept-hang", _) => Fault::AcceptHang,
        ("accept-reset", _) => Fault::AcceptReset,
        ("busy", _) => Fault::Busy,
        ("broken", _) => Fault::Broken,
        ("accept-broken", _) => Fault::AcceptBroken,
        ("never", _) => Fault::Never,
        ("late", seconds) => Fault::Late(Duration::from_secs(seconds.parse().ok()?)),
        _ => return None,
    };
    Some((fault, times.parse().ok()?, needle))
}
