//! Where an order's book is, by the hash of its id.

use hashbrown::HashTable;

/// How many tables, a power of two: of a million books, one table holds four thousand.
const TABLES: usize = 256;

/// A hash table's own needs are the lowest bits of a hash and the highest seven.
const CHOICE_SHIFT: u32 = 48;

/// An index from hashes to places, cut into many small tables: when a table grows, it hashes all
/// that it holds anew, and one large table would hold up its shard for tenths of a second.
#[derive(Debug)]
pub(crate) struct Places {
    tables: Vec<HashTable<u32>>,
}

impl Places {
    /// No places.
    pub(crate) fn new() -> Self {
        Places {
            tables: (0..TABLES).map(|_| HashTable::new()).collect(),
        }
    }

    /// The place with this hash of which `is_it` is true.
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
        self.tables.get(choice(hash))?.find(hash, is_it).copied()
    }

    /// Adds a place that is not there; `hash_of` gives the hash of any place.
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        if let Some(table) = self.tables.get_mut(choice(hash)) {
            table.insert_unique(hash, place, |place| hash_of(*place));
        }
    }

    /// Takes a place out, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        if let Some(table) = self.tables.get_mut(choice(hash))
            && let Ok(entry) = table.find_entry(hash, |other| *other == place)
        {
            entry.remove();
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the rest of the bits is cut off"
)]
fn choice(hash: u64) -> usize {
    (hash >> CHOICE_SHIFT) as usize % TABLES
}
