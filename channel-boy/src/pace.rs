//! How fast a channel may send: at most so many letters within a time, so many a minute to one
//! recipient, and none in quiet hours. Time is an argument.

mod quiet;
mod window;

use std::collections::HashMap;

pub(crate) use quiet::Quiet;
pub(crate) use window::{Rate, Window};

const MINUTE_MS: i64 = 60_000;

/// The limits of a channel, as configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    /// Letters of the whole channel.
    pub(crate) rate: Option<Rate>,
    /// Letters to one recipient within a minute.
    pub(crate) per_minute: Option<usize>,
    /// When nothing is sent.
    pub(crate) quiet: Option<Quiet>,
}

/// What has been sent lately, against the limits. No larger than what was sent within a minute.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: Limits,
    all: Option<Window>,
    recipients: HashMap<String, Recipient>,
}

#[derive(Debug)]
struct Recipient {
    sent: Window,
    /// Something waits: the next letter is a digest of it.
    collecting: bool,
}

/// What becomes of an alert for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It goes by itself.
    Alone,
    /// It goes with everything else that waits for this recipient.
    Together,
    /// It waits until then, in milliseconds since the epoch.
    Wait(i64),
}

impl Pace {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            all: limits.rate.map(Window::new),
            recipients: HashMap::new(),
            limits,
        }
    }

    /// When the quiet hours end, if it is in them.
    pub(crate) fn quiet_until(&self, now_ms: i64) -> Option<i64> {
        self.limits.quiet.and_then(|quiet| quiet.until(now_ms))
    }

    /// How many letters may go now, at most `wanted`; if none, when the next one may.
    pub(crate) fn room(&mut self, wanted: usize, now_ms: i64) -> Result<usize, i64> {
        match &mut self.all {
            None => Ok(wanted),
            Some(all) => match all.full_until(now_ms) {
                Some(at_ms) => Err(at_ms),
                None => Ok(all.room().min(wanted)),
            },
        }
    }

    /// A letter goes.
    pub(crate) fn spend(&mut self, now_ms: i64) {
        if let Some(all) = &mut self.all {
            all.take(now_ms);
        }
    }

    /// What becomes of an alert for this recipient. Unless it waits, a letter goes to them now.
    pub(crate) fn turn(&mut self, recipient: &str, now_ms: i64) -> Turn {
        let Some(most) = self.limits.per_minute else {
            return Turn::Alone;
        };
        let rate = Rate {
            most,
            period_ms: MINUTE_MS,
        };
        let known = self.recipients.entry(recipient.to_owned());
        let recipient = known.or_insert_with(|| Recipient {
            sent: Window::new(rate),
            collecting: false,
        });
        if let Some(at_ms) = recipient.sent.full_until(now_ms) {
            recipient.collecting = true;
            return Turn::Wait(at_ms);
        }
        recipient.sent.take(now_ms);
        match std::mem::take(&mut recipient.collecting) {
            true => Turn::Together,
            false => Turn::Alone,
        }
    }

    /// What still waits for this recipient has to wait on: until when.
    pub(crate) fn leave(&mut self, recipient: &str, now_ms: i64) -> i64 {
        let Some(recipient) = self.recipients.get_mut(recipient) else {
            return now_ms;
        };
        recipient.collecting = true;
        recipient.sent.full_until(now_ms).unwrap_or(now_ms)
    }

    /// Forgets the recipients of whom nothing is left to know.
    pub(crate) fn tidy(&mut self, now_ms: i64) {
        self.recipients.retain(|_, recipient| {
            recipient.sent.full_until(now_ms);
            recipient.collecting || !recipient.sent.is_empty()
        });
    }
}

#[cfg(test)]
mod tests;
