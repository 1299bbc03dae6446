//! One shard under one owner, without any broker: what a message does, what a confirm does,
//! and what the progress is. The shell around it reads, publishes and writes tokens.

use std::collections::VecDeque;

use crate::log_time::{LogTime, Observed};
use crate::machine::{LogMessage, Machine, Needed};
use crate::token::Token;

/// How many messages with effects may wait behind one whose effects are not confirmed. One that
/// no queue takes must not let the others pile up for ever.
const MAX_UNCONFIRMED: usize = 16_384;

/// A shard's machine with the bookkeeping of its effects.
#[derive(Debug)]
pub struct Shard<M> {
    machine: M,
    log_time: LogTime,
    /// The offset that reading began with; `None` is the start of the log.
    start: Option<u64>,
    /// What the former owner achieved, if this is its log.
    before: Token,
    /// Whether this is known to be the former owner's log before all of it is read again.
    is_recognised: bool,
    /// The last message read, and the mark by which to recognise it.
    read: Option<(u64, i64)>,
    /// Messages with effects that are not confirmed, in order of their offsets.
    unconfirmed: VecDeque<Unconfirmed>,
}

#[derive(Debug)]
struct Unconfirmed {
    offset: u64,
    effects: usize,
    /// Where one must begin to read to have these effects again.
    needed: Needed,
}

/// A message as it came from the stream.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its place in the log.
    pub offset: u64,
    /// Its own time, in microseconds since the epoch, if it carries one.
    pub time_us: Option<i64>,
    /// Whether a machine of another shard forwarded it.
    pub forwarded: bool,
    /// Whether retention took messages between the last one read and this one.
    pub after_gap: bool,
    /// What it carries.
    pub body: &'a [u8],
}

impl Arrived<'_> {
    /// By what to recognise it: its time, or a print of its body.
    fn mark(&self) -> i64 {
        self.time_us.unwrap_or_else(|| print(self.body))
    }
}

/// The token does not belong to this log: the stream was deleted and made again, or the token
/// is wrong. The shard must be read from the start of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use the progress token: it does not belong to this log (at offset {offset})")]
pub struct WrongLog {
    /// Where it showed.
    pub offset: u64,
}

impl<M: Machine> Shard<M> {
    /// Takes over a shard with a fresh machine and what the former owners' token says.
    #[must_use]
    pub fn take_over(machine: M, token: Token, skew_us: i64) -> Self {
        let now_us = token.resume.map_or(i64::MIN, |resume| resume.log_us);
        Shard {
            machine,
            log_time: LogTime::new(now_us, skew_us, token.marks.clone()),
            start: token.resume.map(|resume| resume.offset),
            before: token,
            is_recognised: false,
            read: None,
            unconfirmed: VecDeque::new(),
        }
    }

    /// The offset to read from; `None` for the start of the log.
    #[must_use]
    pub fn start(&self) -> Option<u64> {
        self.start
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The last message that a former owner read.
    #[must_use]
    pub fn read_before(&self) -> Option<u64> {
        self.before.read.map(|(offset, _)| offset)
    }

    /// Whether all that a former owner read has been read again.
    #[must_use]
    pub fn is_rebuilt(&self) -> bool {
        self.offset_of_read() >= self.read_before()
    }

    /// Whether this is known to be the log that the former owner's token speaks of. Before that
    /// nothing may be published: the state may be built from a part of another log.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_recognised || self.is_rebuilt()
    }

    /// Takes note of the message at [`Shard::read_before`], looked up before reading got there.
    ///
    /// # Errors
    /// [`WrongLog`] when it is not the one that the token speaks of, or there is none there.
    pub fn recognise(&mut self, looked_up: Arrived<'_>) -> Result<(), WrongLog> {
        let Arrived { offset, .. } = looked_up;
        if self.before.read != Some((offset, looked_up.mark())) {
            return Err(WrongLog { offset });
        }
        self.is_recognised = true;
        Ok(())
    }

    /// Whether less waits for confirms than the bound allows.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.unconfirmed.len() < MAX_UNCONFIRMED
    }

    /// How many offsets lie between the last message read and the one at `offset`.
    #[must_use]
    pub fn gap_before(&self, offset: u64) -> u64 {
        match (self.read, self.start) {
            (None, Some(start)) => offset.saturating_sub(start),
            (Some((read, _)), _) => offset.saturating_sub(read.saturating_add(1)),
            (None, None) => 0,
        }
    }

    /// Applies the next message while the reader's clock shows `clock_us`. Adds the effects
    /// that are to be published; each must be told to [`Shard::confirmed`] when it is. Gives
    /// whether the effects were suppressed because a former owner has published them.
    ///
    /// # Errors
    /// [`WrongLog`] when the log is not the one that the token speaks of.
    pub fn apply(
        &mut self,
        message: Arrived<'_>,
        clock_us: i64,
        effects: &mut Vec<broker::Message>,
    ) -> Result<bool, WrongLog> {
        let Arrived {
            offset,
            time_us,
            forwarded,
            body,
            ..
        } = message;
        let mark = message.mark();
        self.check_log(&message)?;
        if self.offset_of_read().is_some_and(|read| offset <= read) {
            return Ok(false);
        }
        let needed = self.needed(offset);
        let Observed { log_us, begin_us } = self.log_time.observe(offset, time_us, clock_us);
        let message = LogMessage {
            offset,
            time_us,
            log_us,
            begin_us,
            replayed: self.before.read.is_some_and(|(read, _)| offset <= read),
            forwarded,
            body,
        };
        let first = effects.len();
        self.machine.apply(&message, effects);
        self.read = Some((offset, mark));
        let suppressed = self
            .before
            .emitted_offset
            .is_some_and(|emitted| offset <= emitted);
        if suppressed {
            effects.truncate(first);
        }
        if effects.len() > first {
            let effects = effects.len() - first;
            self.unconfirmed.push_back(Unconfirmed {
                offset,
                effects,
                needed,
            });
        }
        Ok(suppressed)
    }

    /// One effect of the message at `offset` is published and confirmed.
    pub fn confirmed(&mut self, offset: u64) {
        let place = self
            .unconfirmed
            .partition_point(|message| message.offset < offset);
        if let Some(message) = self.unconfirmed.get_mut(place) {
            message.effects = message.effects.saturating_sub(1);
        }
        while self
            .unconfirmed
            .front()
            .is_some_and(|message| message.effects == 0)
        {
            self.unconfirmed.pop_front();
        }
    }

    /// Whether another token that turned up is worth beginning anew with.
    pub fn knows_less_than(&mut self, token: &Token) -> bool {
        !token.is_blank() && token.knows_more_than(&self.progress())
    }

    /// The token to begin anew with when the log is not the one that the token spoke of.
    #[must_use]
    pub fn of_the_next_log(&self) -> Token {
        self.before.of_the_next_log()
    }

    /// The progress so far, as the next owner will need it.
    pub fn progress(&mut self) -> Token {
        let Some((read, mark)) = self.read else {
            return self.before.clone();
        };
        let oldest = match self.unconfirmed.front() {
            Some(message) => message.needed,
            None => self.needed(read),
        };
        // Never beyond the last message read: a new owner that gets nothing at all to read
        // knows that its token belongs to another log.
        let resume = Needed {
            offset: oldest.offset.min(read),
            ..oldest
        };
        self.log_time.mark(read, resume.offset);
        let emitted = match self.unconfirmed.front() {
            Some(message) => message.offset.checked_sub(1),
            None => Some(read),
        };
        if !self.is_rebuilt() {
            // Still behind what the former owner had read: its word stands.
            return Token {
                emitted_offset: self.before.emitted_offset.max(emitted),
                ..self.before.clone()
            };
        }
        Token {
            generation: self.before.generation,
            resume: Some(resume),
            emitted_offset: self.before.emitted_offset.max(emitted),
            read: Some((read, mark)),
            marks: self.log_time.marks().to_vec(),
        }
    }

    fn needed(&self, offset: u64) -> Needed {
        let log_us = self.log_time.now_us();
        self.machine
            .oldest_needed()
            .unwrap_or(Needed { offset, log_us })
    }

    fn offset_of_read(&self) -> Option<u64> {
        self.read.map(|(offset, _)| offset)
    }

    fn check_log(&self, message: &Arrived<'_>) -> Result<(), WrongLog> {
        let offset = message.offset;
        let before_start = self.start.is_some_and(|start| offset < start);
        let another = self.before.read.is_some_and(|(read, mark)| {
            // What was read once can be read again, unless retention took it.
            let passed_over = offset > read && !self.is_rebuilt() && !message.after_gap;
            passed_over || (offset == read && message.mark() != mark)
        });
        if before_start || another {
            Err(WrongLog { offset })
        } else {
            Ok(())
        }
    }
}

/// Tells bodies apart (FNV-1a). Finds accidents, not forgery.
fn print(body: &[u8]) -> i64 {
    let print = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |print, byte| {
        (print ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    print.cast_signed()
}

#[cfg(test)]
mod tests;
