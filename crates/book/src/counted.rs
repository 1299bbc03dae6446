//! Which purchases a book has counted.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::id::{Id, Uuid, uuid_of};

/// How many purchases an ordinary order has, at most.
const ORDINARY: usize = 4;

/// Up to how many ids a list is searched from end to end.
const FEW: usize = 32;

/// About what a set takes that holds nothing.
const BYTES_OF_A_SET: usize = 160;

/// About what an id takes in a set: itself, its share of empty places, an allocation's head.
const BYTES_OF_AN_ID: usize = 64;

/// The ids of the purchases counted, and which came last. Orders have a handful of purchases, so
/// a list of UUIDs does, which lies in the book itself: there are millions of books, and nothing is
/// slower about them than to fetch one more piece of memory. An order with more has a list
/// elsewhere, one with other ids or with many a set.
#[derive(Debug)]
pub(crate) enum Counted {
    Ordinary { count: u8, ids: [Uuid; ORDINARY] },
    Few(Vec<Uuid>),
    Many(Box<Many>),
}

#[derive(Debug)]
pub(crate) struct Many {
    ids: HashSet<Id, FixedState>,
    last: Id,
    bytes: usize,
}

impl Counted {
    pub(crate) fn none() -> Self {
        Counted::Ordinary {
            count: 0,
            ids: [[0; 2]; ORDINARY],
        }
    }

    /// Counts an id, unless it is counted already. `seed` is that of the books' hash tables.
    pub(crate) fn insert(&mut self, id: &str, seed: u64) -> bool {
        let uuid = uuid_of(id);
        if let Some(uuid) = &uuid {
            if self.lists(uuid) {
                return false;
            }
            if self.list(uuid) {
                return true;
            }
        }
        if !matches!(self, Counted::Many(_)) {
            let mut ids = HashSet::with_hasher(FixedState::with_seed(seed));
            ids.extend(self.listed().iter().copied().map(Id::Uuid));
            let bytes = BYTES_OF_A_SET + ids.len() * BYTES_OF_AN_ID;
            *self = Counted::Many(Box::new(Many {
                ids,
                last: Id::Uuid([0; 2]),
                bytes,
            }));
        }
        let Counted::Many(many) = self else {
            return false;
        };
        let id = Id::new(id, uuid);
        if !many.ids.insert(id.clone()) {
            return false;
        }
        many.bytes += BYTES_OF_AN_ID + id.text_bytes();
        many.last = id;
        true
    }

    /// The UUIDs that are kept as a list, in the order in which they came.
    fn listed(&self) -> &[Uuid] {
        match self {
            Counted::Ordinary { count, ids } => ids.get(..usize::from(*count)).unwrap_or_default(),
            Counted::Few(few) => few,
            Counted::Many(_) => &[],
        }
    }

    /// Whether this UUID is in the list.
    fn lists(&self, uuid: &Uuid) -> bool {
        let Counted::Ordinary { count, ids } = self else {
            return self.listed().contains(uuid);
        };
        // All four are compared, and those not in use left out behind that: how many are in use is
        // hard to predict, and a wrong prediction costs more than the comparisons.
        let same = (0..).zip(ids).map(|(nth, id)| u32::from(id == uuid) << nth);
        let same: u32 = same.sum();
        same & ((1 << count) - 1) != 0
    }

    /// Adds to the list; false if it is full, or there is none any more.
    fn list(&mut self, uuid: &Uuid) -> bool {
        match self {
            Counted::Ordinary { count, ids } => {
                if let Some(place) = ids.get_mut(usize::from(*count)) {
                    *place = *uuid;
                    *count += 1;
                    return true;
                }
                let mut few = ids.to_vec();
                few.push(*uuid);
                *self = Counted::Few(few);
                true
            }
            Counted::Few(few) if few.len() < FEW => {
                few.push(*uuid);
                true
            }
            Counted::Few(_) | Counted::Many(_) => false,
        }
    }

    /// Reads what the next id is compared with.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let last = match self {
            // Which of them is the last counted would have to be read before.
            Counted::Ordinary { ids, .. } => ids.last(),
            Counted::Few(few) => few.last(),
            Counted::Many(_) => None,
        };
        last.map_or(0, |[_, end]| *end)
    }

    /// About how many bytes they take beyond those of an ordinary book's few.
    pub(crate) fn extra_bytes(&self) -> usize {
        match self {
            Counted::Ordinary { .. } => 0,
            Counted::Few(few) => few.capacity() * size_of::<Uuid>(),
            Counted::Many(many) => many.bytes,
        }
    }

    /// How many are counted.
    pub(crate) fn len(&self) -> usize {
        match self {
            Counted::Many(many) => many.ids.len(),
            listed => listed.listed().len(),
        }
    }

    /// The id counted last; empty if there is none.
    pub(crate) fn last(&self) -> String {
        match self {
            Counted::Many(many) => many.last.text(),
            listed => {
                let last = listed.listed().last();
                last.map(|uuid| Id::Uuid(*uuid).text()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_counts_once_whatever_its_form() {
        let mut counted = Counted::none();
        let uuid = |n: u32| format!("{n:08x}-0000-4000-8000-000000000000");
        for n in 0..100 {
            assert!(counted.insert(&uuid(n), 7));
            assert!((0..=n).all(|n| !counted.insert(&uuid(n), 7)));
            assert_eq!(counted.last(), uuid(n));
        }
        for id in ["", "1", "é"] {
            assert!(counted.insert(id, 7));
            assert!(!counted.insert(id, 7));
            assert_eq!(counted.last(), id);
        }
        assert_eq!(counted.len(), 103);
    }

    #[test]
    fn a_place_that_is_not_in_use_is_no_id() {
        let nil = "00000000-0000-0000-0000-000000000000";
        for before in 0..6 {
            let mut counted = Counted::none();
            for n in 0..before {
                assert!(counted.insert(&format!("{n:08x}-0000-4000-8000-000000000000"), 7));
            }
            assert!(counted.insert(nil, 7));
            assert!(!counted.insert(nil, 7));
            assert_eq!(counted.len(), before + 1);
        }
    }

    #[test]
    fn a_text_behind_uuids_is_found_again() {
        let mut counted = Counted::none();
        let uuid = "00000000-0000-4000-8000-000000000000";
        assert!(counted.insert(uuid, 7) && counted.insert("1", 7));
        assert!(!counted.insert(uuid, 7) && !counted.insert("1", 7));
    }
}
