//! Where an order's book is, by the hash of its id.

use hashbrown::HashTable;

/// How many tables: of a million books, one table holds about four thousand.
const TABLES: usize = 256;

/// A hash table's own needs are the lowest bits of a hash and the highest seven; which table it is
/// is told by these, from here on.
const CHOICE_SHIFT: u32 = 40;
const CHOICE_BITS: u32 = 12;

/// An index from hashes to places, cut into many small tables: when a table grows, it hashes all
/// that it holds anew, and one large table would hold up its shard for tenths of a second.
///
/// Tables double, so equal ones would all grow at once and then stand half empty. These get
/// unequal parts, up to twice as much as the least, so that at any time some are about to grow and
/// some just have; while books become more, the index as a whole stays equally full.
#[derive(Debug)]
pub(crate) struct Places {
    tables: Vec<HashTable<u32>>,
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
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
        self.tables
            .get(self.table(hash))?
            .find(hash, is_it)
            .copied()
    }

    /// A place that may well be the one with this hash; the one, but for one in a hundred.
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds a place that is not there; `hash_of` gives the hash of any place.
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        let table = self.table(hash);
        if let Some(table) = self.tables.get_mut(table) {
            table.insert_unique(hash, place, |place| hash_of(*place));
        }
    }

    /// Takes a place out, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let table = self.table(hash);
        if let Some(table) = self.tables.get_mut(table)
            && let Ok(entry) = table.find_entry(hash, |other| *other == place)
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
    fn some_tables_are_full_while_others_have_just_grown() {
        let hasher = foldhash::fast::FixedState::with_seed(7);
        let hash = |place: u32| std::hash::BuildHasher::hash_one(&hasher, place);
        let mut places = Places::new();
        for place in 0..1_000_000 {
            places.insert(hash(place), place, hash);
            assert!(place % 1000 != 0 || places.guess(hash(place)).is_some());
        }
        let room: usize = places.tables.iter().map(HashTable::capacity).sum();
        assert!((1_300_000..1_550_000).contains(&room), "{room}");
        for place in (0..1_000_000).step_by(99) {
            assert_eq!(places.find(hash(place), |it| *it == place), Some(place));
            places.remove(hash(place), place);
            assert_eq!(places.find(hash(place), |it| *it == place), None);
        }
    }
}
