//! Repeats and disorder.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ratio::Ratio;

/// Its random numbers have nothing to do with those that draw and mix the orders.
const STREAM: u64 = 2;

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DisorderSettings {
    pub(crate) seed: u64,
    /// No item moves further than this from its place, repeats not counted.
    pub(crate) shuffle: usize,
    /// Which part of the items comes again.
    pub(crate) duplicate: Ratio,
    /// How far behind its item a repeat may come.
    pub(crate) repeat_within: usize,
}

/// Items go in in order and come out out of order, some of them twice.
///
/// A wheel of as many slots as an item may be late: each item goes into a slot drawn from its
/// own on, and a slot comes out when nothing can go into it any more.
#[derive(Debug)]
pub(crate) struct Disorder<T> {
    settings: DisorderSettings,
    random: ChaCha8Rng,
    wheel: Vec<Vec<Out<T>>>,
    /// Items that went in.
    taken: u64,
    out: VecDeque<Out<T>>,
}

/// An item on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Out<T> {
    pub(crate) item: T,
    /// Whether it stands here a second time (or the first time, if its repeat overtook it).
    pub(crate) is_repeat: bool,
}

impl<T: Clone> Disorder<T> {
    pub(crate) fn new(settings: DisorderSettings) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        random.set_stream(STREAM);
        let latest = match settings.duplicate {
            Ratio::ZERO => settings.shuffle,
            _ => settings.shuffle.max(settings.repeat_within),
        };
        Self {
            settings,
            random,
            wheel: (0..=latest).map(|_| Vec::new()).collect(),
            taken: 0,
            out: VecDeque::new(),
        }
    }

    /// How many more items must go in until an item that goes in now has come out for sure.
    pub(crate) fn latest(&self) -> u64 {
        self.wheel.len() as u64
    }

    /// How many items went in.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    pub(crate) fn push(&mut self, item: T) {
        let duplicate = self.settings.duplicate.get();
        if duplicate > 0.0 && self.random.random_bool(duplicate) {
            let late = self.random.random_range(0..self.wheel.len());
            let item = item.clone();
            self.put(
                late,
                Out {
                    item,
                    is_repeat: true,
                },
            );
        }
        let late = match self.settings.shuffle {
            0 => 0,
            most => self.random.random_range(0..=most),
        };
        self.put(
            late,
            Out {
                item,
                is_repeat: false,
            },
        );
        self.turn();
    }

    pub(crate) fn pop(&mut self) -> Option<Out<T>> {
        self.out.pop_front()
    }

    /// Lets out all that is still held back, in order.
    pub(crate) fn finish(&mut self) {
        for _ in 0..self.wheel.len() {
            self.turn();
        }
    }

    fn put(&mut self, late: usize, out: Out<T>) {
        let slot = self.slot(late);
        if let Some(slot) = self.wheel.get_mut(slot) {
            slot.push(out);
        }
    }

    fn turn(&mut self) {
        let slot = self.slot(0);
        if let Some(slot) = self.wheel.get_mut(slot) {
            // The later ones first: who shares a slot changes places.
            self.out.extend(slot.drain(..).rev());
        }
        self.taken += 1;
    }

    #[allow(clippy::cast_possible_truncation)]
    fn slot(&self, late: usize) -> usize {
        ((self.taken + late as u64) % self.wheel.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(shuffle: usize, duplicate: &str, items: usize) -> Vec<Out<usize>> {
        let mut disorder = Disorder::new(DisorderSettings {
            seed: 7,
            shuffle,
            duplicate: duplicate.parse().unwrap(),
            repeat_within: 1000,
        });
        let mut out = Vec::new();
        for item in 0..items {
            disorder.push(item);
            out.extend(std::iter::from_fn(|| disorder.pop()));
        }
        disorder.finish();
        out.extend(std::iter::from_fn(|| disorder.pop()));
        out
    }

    #[test]
    fn without_disorder_nothing_changes() {
        let out = through(0, "0", 1000);
        assert!(out.iter().map(|out| out.item).eq(0..1000));
    }

    #[test]
    fn no_item_moves_further_than_asked() {
        for shuffle in [1, 10, 333] {
            let out = through(shuffle, "0", 10_000);
            let mut seen: Vec<_> = out.iter().map(|out| out.item).collect();
            let furthest = seen.iter().enumerate().map(|(to, &from)| to.abs_diff(from));
            let furthest = furthest.max().unwrap();
            assert!(furthest <= shuffle, "{furthest} of {shuffle}");
            assert!(furthest > shuffle / 2, "{furthest} of {shuffle}");
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..10_000));
        }
    }

    #[test]
    fn the_asked_part_comes_again_and_not_far_away() {
        let out = through(0, "0.1", 10_000);
        let (repeats, firsts): (Vec<Out<usize>>, Vec<Out<usize>>) =
            out.iter().partition(|out| out.is_repeat);
        assert!(firsts.iter().map(|out| out.item).eq(0..10_000));
        assert!((900..1100).contains(&repeats.len()), "{}", repeats.len());
        let place = |wanted| out.iter().position(|out| *out == wanted).unwrap();
        for repeat in repeats {
            let first = Out {
                item: repeat.item,
                is_repeat: false,
            };
            assert!(place(repeat).abs_diff(place(first)) < 1300);
        }
    }

    #[test]
    fn an_item_is_out_once_as_many_as_latest_have_gone_in() {
        let mut disorder = Disorder::new(DisorderSettings {
            seed: 7,
            shuffle: 10,
            duplicate: "1".parse().unwrap(),
            repeat_within: 20,
        });
        for item in 0..1000_u64 {
            let out_by_now = disorder.taken().checked_sub(disorder.latest());
            disorder.push(item);
            while let Some(out) = disorder.pop() {
                assert!(out_by_now.is_none_or(|settled| out.item >= settled));
            }
        }
    }
}
