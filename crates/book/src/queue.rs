//! A queue that grows by chunks.

use std::collections::VecDeque;

/// First in, first out, of what may be millions: growing never moves what it holds, which would
/// hold up its shard. What it holds is found by a number that stays, and that comes again after
/// 2^32 others.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// Of the first, what was taken is still there; all but the last are full.
    chunks: VecDeque<Vec<T>>,
    /// How many of the first chunk were taken.
    taken: usize,
    length: usize,
    /// Number of what the first chunk begins with.
    first: u32,
}

impl<T: Copy> Queue<T> {
    /// As many as fill 8 KiB but for the bytes that an allocator keeps for itself.
    const CHUNK: usize = 8 * 1024 / size_of::<T>() - 2;

    /// Nothing.
    pub(crate) fn new() -> Self {
        Queue {
            chunks: VecDeque::new(),
            taken: 0,
            length: 0,
            first: 0,
        }
    }

    /// How many it holds.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds to its end; gives the number.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        if self
            .chunks
            .back()
            .is_none_or(|last| last.len() == Self::CHUNK)
        {
            self.chunks.push_back(Vec::with_capacity(Self::CHUNK));
        }
        if let Some(last) = self.chunks.back_mut() {
            last.push(value);
        }
        self.length += 1;
        self.number(self.taken + self.length - 1)
    }

    /// Takes what is longest there.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let value = *self.front()?;
        self.length -= 1;
        self.taken += 1;
        if self.taken == Self::CHUNK {
            self.first = self.number(self.taken);
            self.taken = 0;
            self.chunks.pop_front();
        }
        Some(value)
    }

    /// What is longest there.
    pub(crate) fn front(&self) -> Option<&T> {
        self.chunks.front()?.get(self.taken)
    }

    /// What came last, and its number.
    pub(crate) fn back(&self) -> Option<(u32, &T)> {
        let number = self.number(self.taken + self.length.checked_sub(1)?);
        Some((number, self.chunks.back()?.last()?))
    }

    /// What has this number, while it is there.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let place = number.wrapping_sub(self.first) as usize;
        let chunk = self.chunks.get(place / Self::CHUNK)?;
        if place < self.taken {
            return None;
        }
        chunk.get(place % Self::CHUNK)
    }

    /// All, the longest there first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let begins = std::iter::once(self.taken).chain(std::iter::repeat(0));
        let chunks = self.chunks.iter().zip(begins);
        chunks.flat_map(|(chunk, begin)| chunk.get(begin..).unwrap_or_default())
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "numbers come again after 2^32"
    )]
    fn number(&self, place: usize) -> u32 {
        self.first.wrapping_add(place as u32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Few to a chunk.
    type Large = [u64; 15];

    fn of(value: u64) -> Large {
        [value; 15]
    }

    proptest! {
        /// Beside the queue of the standard library, with numbers that begin anew on the way.
        #[test]
        fn what_goes_in_comes_out_in_order_and_is_found_by_its_number(
            steps in vec((0..200_usize, 0..200_usize), 1..30),
            first in prop_oneof![Just(0), Just(u32::MAX - 500), any::<u32>()],
        ) {
            let mut queue = Queue { first, ..Queue::new() };
            let mut slow: VecDeque<(u32, u64)> = VecDeque::new();
            let mut value = 0;
            for (pushed, popped) in steps {
                for _ in 0..pushed {
                    value += 1;
                    let number = queue.push(of(value));
                    slow.push_back((number, value));
                    prop_assert_eq!(queue.back(), Some((number, &of(value))));
                }
                for _ in 0..popped {
                    prop_assert_eq!(queue.front().copied(), slow.front().map(|(_, value)| of(*value)));
                    let gone = slow.pop_front();
                    prop_assert_eq!(queue.pop(), gone.map(|(_, value)| of(value)));
                    prop_assert!(gone.is_none_or(|(number, _)| queue.get(number).is_none()));
                }
                prop_assert_eq!(queue.len(), slow.len());
                prop_assert_eq!(queue.back().is_some(), !slow.is_empty());
                prop_assert!(queue.chunks.len() <= slow.len() / Queue::<Large>::CHUNK + 2);
                let all: Vec<Large> = queue.iter().copied().collect();
                prop_assert_eq!(all, slow.iter().map(|(_, value)| of(*value)).collect::<Vec<_>>());
                for (nth, (number, value)) in (0..).zip(&slow) {
                    prop_assert_eq!(*number, slow[0].0.wrapping_add(nth));
                    prop_assert_eq!(queue.get(*number), Some(&of(*value)));
                }
                if let Some((newest, _)) = slow.back() {
                    prop_assert_eq!(queue.get(newest.wrapping_add(1)), None);
                }
            }
        }
    }
}
