//! Which purchases a book has counted.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::id::{Id, uuid_of};

/// Up to how many ids a list is searched from end to end.
const FEW: usize = 32;

/// How many purchases an ordinary order has.
const ORDINARY: usize = 4;

/// About what an id takes in a set: itself, its share of empty places, an allocation's head.
const BYTES_OF_AN_ID: usize = 64;

/// The ids of the purchases counted, and which came last. Orders have a handful of purchases,
/// so a list of UUIDs does; one with other ids or with many gets a set.
#[derive(Debug)]
pub(crate) enum Counted {
    Few(Vec<[u8; 16]>),
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
        Counted::Few(Vec::new())
    }

    /// Counts an id, unless it is counted already. `seed` is that of the books' hash tables.
    pub(crate) fn insert(&mut self, id: &str, seed: u64) -> bool {
        if let Counted::Few(few) = self {
            match uuid_of(id) {
                Some(uuid) if few.contains(&uuid) => return false,
                Some(uuid) if few.len() < FEW => {
                    few.push(uuid);
                    return true;
                }
                _ => {}
            }
            let mut ids = HashSet::with_hasher(FixedState::with_seed(seed));
            ids.extend(few.drain(..).map(Id::Uuid));
            let bytes = ids.len() * BYTES_OF_AN_ID;
            *self = Counted::Many(Box::new(Many {
                ids,
                last: Id::Uuid([0; 16]),
                bytes,
            }));
        }
        let Counted::Many(many) = self else {
            return false;
        };
        let id = Id::of(id);
        if !many.ids.insert(id.clone()) {
            return false;
        }
        many.bytes += BYTES_OF_AN_ID + id.text_bytes();
        many.last = id;
        true
    }

    /// About how many bytes they take beyond those of an ordinary book's few.
    pub(crate) fn extra_bytes(&self) -> usize {
        match self {
            Counted::Few(few) => few.len().saturating_sub(ORDINARY) * size_of::<[u8; 16]>(),
            Counted::Many(many) => many.bytes,
        }
    }

    /// How many are counted.
    pub(crate) fn len(&self) -> usize {
        match self {
            Counted::Few(few) => few.len(),
            Counted::Many(many) => many.ids.len(),
        }
    }

    /// The id counted last; empty if there is none.
    pub(crate) fn last(&self) -> String {
        match self {
            Counted::Few(few) => few
                .last()
                .map(|uuid| Id::Uuid(*uuid).text())
                .unwrap_or_default(),
            Counted::Many(many) => many.last.text(),
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
            assert!(!counted.insert(&uuid(n / 2), 7));
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
    fn a_text_behind_uuids_is_found_again() {
        let mut counted = Counted::none();
        let uuid = "00000000-0000-4000-8000-000000000000";
        assert!(counted.insert(uuid, 7) && counted.insert("1", 7));
        assert!(!counted.insert(uuid, 7) && !counted.insert("1", 7));
    }
}
