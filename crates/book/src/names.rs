//! Clients and stocks, each kept once however many books name it.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// A name's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(u32);

impl Name {
    /// No name yet.
    pub(crate) const NONE: Name = Name(u32::MAX);
}

/// Names with counts of how many books hold them; a name that none holds is forgotten, so that
/// memory is bounded by the open books.
#[derive(Debug)]
pub(crate) struct Names {
    places: HashTable<u32>,
    held: Vec<Held>,
    free: Vec<u32>,
    hasher: FixedState,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    text: Box<str>,
    holders: u32,
}

impl Names {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Names {
            places: HashTable::new(),
            held: Vec::new(),
            free: Vec::new(),
            hasher,
            bytes: 0,
        }
    }

    /// How many bytes of text are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes hold of a name.
    pub(crate) fn hold(&mut self, text: &str) -> Name {
        let hash = self.hasher.hash_one(text);
        if let Some(place) = self
            .places
            .find(hash, |place| self.at(*place) == text)
            .copied()
        {
            if let Some(held) = self.held.get_mut(place as usize) {
                held.holders += 1;
            }
            return Name(place);
        }
        self.bytes += text.len();
        let held = Held {
            text: text.into(),
            holders: 1,
        };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(slot) = self.held.get_mut(place as usize) {
                    *slot = held;
                }
                place
            }
            None => {
                self.held.push(held);
                // Names are fewer than books, and those are counted in 32 bits.
                u32::try_from(self.held.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let Names {
            places,
            held,
            hasher,
            ..
        } = self;
        places.insert_unique(hash, place, |place| hasher.hash_one(text_at(held, *place)));
        Name(place)
    }

    /// Lets go of a name.
    pub(crate) fn release(&mut self, name: Name) {
        let Some(held) = self.held.get_mut(name.0 as usize) else {
            return;
        };
        held.holders = held.holders.saturating_sub(1);
        if held.holders > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*held.text);
        if let Ok(entry) = self.places.find_entry(hash, |place| *place == name.0) {
            entry.remove();
            self.bytes = self.bytes.saturating_sub(held.text.len());
            held.text = Box::default();
            self.free.push(name.0);
        }
    }

    /// The text of a name that is held.
    pub(crate) fn text(&self, name: Name) -> &str {
        self.at(name.0)
    }

    fn at(&self, place: u32) -> &str {
        text_at(&self.held, place)
    }
}

fn text_at(held: &[Held], place: u32) -> &str {
    held.get(place as usize).map_or("", |held| &held.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_forgotten_with_its_last_holder() {
        let mut names = Names::new(FixedState::with_seed(1));
        let (a, b, again) = (names.hold("Goldman"), names.hold(""), names.hold("Goldman"));
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_eq!((names.text(a), names.text(b)), ("Goldman", ""));
        names.release(a);
        assert_eq!(names.text(a), "Goldman");
        names.release(again);
        assert_eq!(names.hold("AAPL"), a);
        assert_eq!(names.held.len(), 2);
        names.release(Name::NONE);
    }
}
