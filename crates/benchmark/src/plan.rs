//! How much is measured: all of it, or a quick look.

use serde::{Deserialize, Serialize};
use trade::pack::Limits;

use crate::case::{Case, Subject};

/// How long and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) is_quick: bool,
    /// How often each case is measured; round by round, so that a slow minute of the machine
    /// shows as a spread and hits no case alone.
    pub(crate) repeats: u32,
    pub(crate) warm_up_s: u64,
}

/// What a run with the real publisher sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Trades per second; 0 is as fast as the broker confirms.
    pub(crate) rate: u64,
    /// Trades of a message, at most.
    pub(crate) batch: u64,
    pub(crate) shards: u32,
    pub(crate) seconds: u64,
}

/// One shard on few cores: a message fills with the trades of one shard, and the broker's cost is by
/// the message. At 250,000 trades/s one shard and up to 256 trades a message had p99 8.3 ms, two
/// shards and up to 128 in the same minutes 14.1 ms. At saturation it makes no difference.
pub(crate) const SHARDS: u32 = 1;

/// Trades of a message, at most: what the programs do by themselves.
pub(crate) const LARGE_BATCH: u64 = Limits::TO_SHARDS.trades as u64;

/// What the repeats share: made once, read often.
pub(crate) const FEW_TRADES: u64 = 100_000;

const SATURATION: u64 = 0;
const RATES: [u64; 5] = [50_000, 100_000, 250_000, 500_000, SATURATION];
const SHARD_COUNTS: [u64; 4] = [1, 2, 4, 8];
const BOOK_COUNTS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

impl Scale {
    pub(crate) const fn full() -> Self {
        Self {
            is_quick: false,
            repeats: 3,
            warm_up_s: 3,
        }
    }

    /// A look: once, a few seconds, without what must be installed first.
    pub(crate) const fn quick() -> Self {
        Self {
            is_quick: true,
            repeats: 1,
            warm_up_s: 2,
        }
    }

    pub(crate) fn many_trades(&self) -> u64 {
        match self.is_quick {
            true => 500_000,
            false => 1_000_000,
        }
    }

    /// What is measured in a repeat (from 1), in this order.
    pub(crate) fn round(&self, repeat: u32) -> Vec<Case> {
        let mut cases = Vec::new();
        for rate in RATES {
            if self.is_quick && (1..250_000).contains(&rate) {
                continue;
            }
            cases.push(Case::new(Subject::Limit, rate));
            cases.push(Case::new(Subject::Pipeline, rate));
        }
        cases.push(Case::new(Subject::RawPublish, LARGE_BATCH));
        cases.push(Case::new(Subject::RawRead, LARGE_BATCH));
        cases.push(Case::new(Subject::RawRead, 1));
        cases.push(Case::new(Subject::Unpacked, 1));
        cases.extend([1, 100].map(|batch| Case::new(Subject::FrontDoor, batch)));
        let shards = SHARD_COUNTS
            .into_iter()
            .filter(|shards| !self.is_quick || [1, 4].contains(shards));
        cases.extend(shards.map(|shards| Case::new(Subject::Shards, shards)));
        cases.push(Case::new(Subject::File, self.many_trades()));
        if !self.is_quick {
            let peers = [Subject::Bytewax, Subject::Pathway];
            cases.extend(peers.map(|peer| Case::new(peer, self.many_trades())));
            cases.push(Case::new(Subject::Pika, 1));
        }
        // Memory does not move between repeats.
        if repeat == 1 {
            let books = BOOK_COUNTS
                .into_iter()
                .filter(|books| !self.is_quick || *books <= 1_000_000);
            cases.extend(books.map(|books| Case::new(Subject::Books, books)));
        }
        cases
    }

    /// What a run with the real publisher sends in this case.
    pub(crate) fn load(&self, case: Case) -> Load {
        let rate = match case.subject {
            Subject::Limit | Subject::Pipeline => case.at,
            _ => SATURATION,
        };
        let batch = match case.subject {
            Subject::Unpacked | Subject::FrontDoor | Subject::Pika => case.at,
            _ => LARGE_BATCH,
        };
        let shards = match case.subject {
            Subject::Shards => u32::try_from(case.at).unwrap_or(SHARDS),
            _ => SHARDS,
        };
        Load {
            rate,
            batch,
            shards,
            seconds: self.seconds(case),
        }
    }

    /// How long is measured, after the warm-up.
    pub(crate) fn seconds(&self, case: Case) -> u64 {
        if self.is_quick {
            return match case {
                Case {
                    subject: Subject::Pipeline,
                    at: 250_000,
                } => 8,
                _ => 4,
            };
        }
        match (case.subject, case.at) {
            (Subject::Limit | Subject::Pipeline, 250_000) => 60,
            (Subject::Pipeline, 500_000) => 15,
            (Subject::Limit, 50_000 | 100_000) => 6,
            (Subject::Limit | Subject::Pipeline, _) => 10,
            (Subject::RawPublish | Subject::RawRead, _) => 4,
            _ => 5,
        }
    }

    /// About how long a case takes in all, in seconds, to say how far everything is.
    pub(crate) fn lasts(&self, case: Case) -> u64 {
        const AROUND: u64 = 3;
        let many = self.many_trades();
        match case.subject {
            Subject::RawPublish | Subject::RawRead => self.seconds(case) + AROUND,
            Subject::File => many / 1_000_000 + 1,
            Subject::Books => case.at / 500_000 + 1,
            Subject::Bytewax => many / 90_000 + 1,
            Subject::Pathway => many / 150_000 + 3,
            _ => self.seconds(case) + self.warm_up_s + AROUND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasts(scale: &Scale) -> u64 {
        let rounds = (1..=scale.repeats).flat_map(|repeat| scale.round(repeat));
        rounds.map(|case| scale.lasts(case)).sum()
    }

    #[test]
    fn all_of_it_takes_twenty_minutes_and_a_look_three() {
        assert!(lasts(&Scale::full()) < 20 * 60, "{}", lasts(&Scale::full()));
        assert!(
            lasts(&Scale::quick()) < 3 * 60,
            "{}",
            lasts(&Scale::quick())
        );
    }

    #[test]
    fn each_rate_of_the_pipeline_has_its_limit_right_before_it() {
        for scale in [Scale::full(), Scale::quick()] {
            let round = scale.round(1);
            for pair in round.windows(2) {
                if let [before, this] = pair
                    && this.subject == Subject::Pipeline
                {
                    assert_eq!(*before, Case::new(Subject::Limit, this.at));
                    let (limit, load) = (scale.load(*before), scale.load(*this));
                    assert_eq!((limit.batch, limit.shards), (load.batch, load.shards));
                }
            }
        }
    }
}
