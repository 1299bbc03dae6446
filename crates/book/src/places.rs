//! Where an order's book is, by the hash of its id.

use hashbrown::HashTable;

/// How many tables: of a million books, one table holds about four thousand.
const TABLES: usize = 256;

/// Which table it is is told by these bits of a hash, from here on. A table's own needs are the
/// lowest bits and the highest seven.
const CHOICE_SHIFT: u32 = 40;
const CHOICE_BITS: u32 = 12;

/// How many of the lowest bits are kept. A table of more than 2^25 places would still find them all,
/// only slower.
const LOW_BITS: u32 = 25;

/// How many of the highest bits are kept.
const HIGH_BITS: u32 = 7;

/// A place, with those bits of its hash that a table needs, so that a table that grows need not ask
/// every book for its id.
#[derive(Debug, Clone, Copy)]
struct Entry {
    place: u32,
    bits: u32,
}

/// An index from hashes to places, cut into many small tables: when a table grows, it moves all
/// that it holds, and one large table would hold up its shard for tenths of a second.
///
/// Tables double, so equal ones would all grow at once and then stand half empty. These get
/// unequal parts, up to twice as much as the least, so that at any time some are about to grow and
/// some just have; while books become more, the index as a whole stays equally full.
#[derive(Debug)]
pub(crate) struct Places {
    tables: Vec<HashTable<Entry>>,
    /// Which table, by the bits that tell.
    choices: Vec<u8>,
}

impl Places {
    /// No places.
    pub(crate) fn new() -> Self {
        Places {
            tables: (0..TABLES).map(|_| HashTable::new()).collect(),
            choices: (0..1 << CHOICE_BITS).map(choice).collect(),
        }
    }

    /// The place with this hash of which `is_it` is true.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
        let bits = kept(hash);
        self.tables
            .get(self.table(hash))?
            .find(spread(bits), |entry| {
                entry.bits == bits && is_it(&entry.place)
            })
            .map(|entry| entry.place)
    }

    /// A place that may well be the one with this hash: of orders that are there, it nearly always
    /// is.
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds a place that is not there.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let bits = kept(hash);
        let table = self.table(hash);
        if let Some(table) = self.tables.get_mut(table) {
            let entry = Entry { place, bits };
            table.insert_unique(spread(bits), entry, |entry| spread(entry.bits));
        }
    }

    /// Takes a place out, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let table = self.table(hash);
        if let Some(table) = self.tables.get_mut(table)
            && let Ok(entry) = table.find_entry(spread(kept(hash)), |entry| entry.place == place)
        {
            entry.remove();
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the rest of the bits is cut off"
    )]
    fn table(&self, hash: u64) -> usize {
        let bits = (hash >> CHOICE_SHIFT) as usize % (1 << CHOICE_BITS);
        self.choices.get(bits).copied().unwrap_or_default().into()
    }
}

/// The bits of a hash that a table needs, side by side.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the bits between are left out"
)]
fn kept(hash: u64) -> u32 {
    let high = hash >> (u64::BITS - HIGH_BITS);
    (high << LOW_BITS) as u32 | hash as u32 & ((1 << LOW_BITS) - 1)
}

/// A hash with these bits where a table looks for them, and none between.
fn spread(bits: u32) -> u64 {
    let high = u64::from(bits >> LOW_BITS) << (u64::BITS - HIGH_BITS);
    high | u64::from(bits & ((1 << LOW_BITS) - 1))
}

/// The table of one of the values that the telling bits may have: the base-2 logarithm cuts them
/// into parts that grow from table to table, to twice the first.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the logarithm of what lies between 1 and 2 lies between 0 and 1"
)]
fn choice(bits: u32) -> u8 {
    let part = f64::from(bits) / f64::from(1_u32 << CHOICE_BITS);
    (TABLES as f64 * (1.0 + part).log2()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_up_to_twice_as_much_as_the_least() {
        let mut parts = [0_u32; TABLES];
        for bits in 0..1 << CHOICE_BITS {
            parts[usize::from(choice(bits))] += 1;
        }
        assert!(
            parts.iter().all(|part| (11..=23).contains(part)),
            "{parts:?}"
        );
        assert!(parts[TABLES - 1] >= 2 * parts[0] - 2);
    }

    #[test]
    fn places_with_the_same_bits_are_told_apart() {
        let mut places = Places::new();
        let common = 0xfe00_0500_0000_0007;
        // They differ in bits that are not kept, below those that choose the table.
        let hash = |place: u32| common | u64::from(place) << LOW_BITS;
        let all = 0..1 << (CHOICE_SHIFT - LOW_BITS - 1);
        for place in all.clone() {
            assert_eq!(kept(hash(place)), kept(common));
            places.insert(hash(place), place);
        }
        let find = |places: &Places, place| places.find(hash(place), |it| *it == place);
        assert!(
            all.clone()
                .step_by(97)
                .all(|place| find(&places, place) == Some(place))
        );
        for place in all.step_by(2).take(500) {
            places.remove(hash(place), place);
        }
        for place in 0..2000 {
            let is_removed = place % 2 == 0 && place < 1000;
            assert_eq!(find(&places, place), (!is_removed).then_some(place));
        }
        // Others are not even looked at.
        let other = common ^ 1;
        assert_eq!(places.find(other, |_| panic!("another's place")), None);
    }

    #[test]
    fn the_bits_of_a_hash_that_are_kept_stand_where_they_stood() {
        let mask = ((1 << LOW_BITS) - 1) | (u64::MAX << (u64::BITS - HIGH_BITS));
        for hash in [
            0,
            1,
            u64::MAX,
            0x9e37_79b9_7f4a_7c15,
            1 << 57,
            1 << 24,
            1 << 25,
        ] {
            assert_eq!(spread(kept(hash)), hash & mask);
        }
    }

    #[test]
    fn some_tables_are_full_while_others_have_just_grown() {
        let hasher = foldhash::fast::FixedState::with_seed(7);
        let hash = |place: u32| std::hash::BuildHasher::hash_one(&hasher, place);
        let mut places = Places::new();
        for place in 0..1_000_000 {
            places.insert(hash(place), place);
            assert!(place % 1000 != 0 || places.guess(hash(place)).is_some());
        }
        let room: usize = places.tables.iter().map(HashTable::capacity).sum();
        assert!((1_300_000..1_550_000).contains(&room), "{room}");
        for place in (0..1_000_000).step_by(99) {
            assert_eq!(places.find(hash(place), |it| *it == place), Some(place));
            places.remove(hash(place), place);
            assert_eq!(places.find(hash(place), |it| *it == place), None);
        }
        for place in 0..1_000_000 {
            let is_there = places.find(hash(place), |it| *it == place).is_some();
            assert_eq!(is_there, place % 99 != 0);
        }
    }
}
