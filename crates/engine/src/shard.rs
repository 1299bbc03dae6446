//! One shard under one owner, without any broker: what a message does, what a confirm does,
//! and what the progress is. The shell around it reads, publishes and writes tokens.

use std::collections::VecDeque;

use crate::log_time::{LogTime, Observed};
use crate::machine::{LogMessage, Machine, Needed};
use crate::token::Token;

/// A shard's machine with the bookkeeping of its effects.
#[derive(Debug)]
pub struct Shard<M> {
    machine: M,
    log_time: LogTime,
    /// Which of the logs of this name it is, as far as the former owners knew.
    generation: u64,
    /// The offset that reading began with; `None` is the start of the log.
    start: Option<u64>,
    /// What the former owners achieved, as far as it is known.
    before: Token,
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
    /// What it carries.
    pub body: &'a [u8],
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
            generation: token.generation,
            start: token.resume.map(|resume| resume.offset),
            before: token,
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

    /// The offset of the next message, if none is missing.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.offset_of_read()
            .map_or(self.start.unwrap_or(0), |read| read.saturating_add(1))
    }

    /// Whether all that a former owner read has been read again.
    #[must_use]
    pub fn is_rebuilt(&self) -> bool {
        self.offset_of_read() >= self.read_before()
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
        } = message;
        let mark = time_us.unwrap_or_else(|| print(body));
        self.check_log(offset, mark)?;
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

    /// Another token for this shard turned up: what it says is true as well, unless it speaks
    /// of a former log. Gives whether to begin anew with it, because it speaks of a newer one or
    /// because that saves reading `worth_skipping` messages.
    pub fn learn(&mut self, token: Token, worth_skipping: u64) -> bool {
        if token.generation < self.generation {
            return false;
        }
        let is_newer = token.generation > self.generation;
        let resume = token.resume.map_or(0, |resume| resume.offset);
        let skipped = resume.saturating_sub(self.next_offset());
        self.before = std::mem::take(&mut self.before).merge(token);
        is_newer || skipped > worth_skipping
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
        if self.before.generation > self.generation {
            // Somebody found out that this is another log: what was read of it is not known.
            return self.before.clone();
        }
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
            generation: self.generation,
            resume: Some(resume),
            emitted_offset: self.before.emitted_offset.max(emitted),
            read: Some((read, Some(mark))),
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

    fn check_log(&self, offset: u64, mark: i64) -> Result<(), WrongLog> {
        let before_start = self.start.is_some_and(|start| offset < start);
        let another = match self.before.read {
            Some((read, Some(read_mark))) => offset == read && mark != read_mark,
            _ => false,
        };
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
