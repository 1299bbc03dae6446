//! The last word of a run.

use std::fmt;
use std::time::Duration;

use crate::feed;
use crate::pace::Pace;
use crate::post;

/// What a run did.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) trades: feed::Counts,
    /// Alerts that must come out, if the oracle was asked.
    pub(crate) expected: Option<u64>,
    /// Of a run with a broker.
    pub(crate) messages: Option<post::Counts>,
    pub(crate) pace: Pace,
    /// From the first trade to the last confirm.
    pub(crate) took: Duration,
    /// What the trades were made from; a recording has none.
    pub(crate) seed: Option<u64>,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feed::Counts {
            trades,
            repeats,
            orders,
            unreadable,
        } = self.trades;
        write!(out, "trades          {}", grouped(trades))?;
        if repeats > 0 {
            write!(out, ", {} of them repeats", grouped(repeats))?;
        }
        if unreadable > 0 {
            write!(out, ", {} of them unreadable", grouped(unreadable))?;
        }
        write!(out, "\norders          {}", grouped(orders))?;
        if let Some(expected) = self.expected {
            write!(out, "\nover-purchased  {} expected", grouped(expected))?;
        }
        if let Some(messages) = self.messages {
            write!(
                out,
                "\nmessages        {}, {} confirmed, {} sent again",
                grouped(messages.messages),
                grouped(messages.confirmed),
                grouped(messages.resent)
            )?;
        }
        write!(out, "\nrate            ")?;
        if let Pace::Even { per_second, .. } = &self.pace {
            write!(out, "{per_second} trades/s asked, ")?;
        }
        let seconds = self.took.as_secs_f64();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let achieved = (trades as f64 / seconds.max(1e-6)).round() as u64;
        write!(out, "{} trades/s achieved", grouped(achieved))?;
        write!(out, "\ntime            {seconds:.3} s")?;
        if let Some(seed) = self.seed {
            write!(out, "\nseed            {seed}")?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn says_what_was_asked_and_what_was_done() {
        let summary = Summary {
            trades: feed::Counts {
                trades: 1010,
                repeats: 10,
                orders: 200,
                unreadable: 0,
            },
            expected: Some(2),
            messages: Some(post::Counts {
                messages: 8,
                confirmed: 8,
                resent: 1,
            }),
            pace: Pace::Even {
                per_second: 1000.0,
                group: 1,
            },
            took: Duration::from_millis(1010),
            seed: Some(7),
        };
        assert_eq!(
            summary.to_string(),
            "trades          1,010, 10 of them repeats\n\
             orders          200\n\
             over-purchased  2 expected\n\
             messages        8, 8 confirmed, 1 sent again\n\
             rate            1000 trades/s asked, 1,000 trades/s achieved\n\
             time            1.010 s\n\
             seed            7"
        );
    }
}
