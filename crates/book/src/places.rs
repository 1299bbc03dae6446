//! Where an order's book is, by the hash of its id.

/// How many tables: of a million books, one table holds about four thousand.
const TABLES: usize = 256;

/// Which table it is is told by these bits of a hash, from here on. A table's own needs are the
/// lowest 32.
const CHOICE_SHIFT: u32 = 40;
const CHOICE_BITS: u32 = 12;

/// An index from hashes to places, cut into many small tables: when a table grows, it moves all
/// that it holds, and one large table would hold up its shard for tenths of a second.
///
/// Tables double, so equal ones would all grow at once and then stand half empty. These get
/// unequal parts, up to twice as much as the least, so that at any time some are about to grow and
/// some just have; while books become more, the index as a whole stays equally full.
#[derive(Debug)]
pub(crate) struct Places {
    tables: Vec<Table>,
    /// Which table, by the bits that tell.
    choices: Vec<u8>,
}

impl Places {
    /// No places.
    pub(crate) fn new() -> Self {
        Places {
            tables: (0..TABLES).map(|_| Table::new()).collect(),
            choices: (0..1 << CHOICE_BITS).map(choice).collect(),
        }
    }

    /// The place with this hash of which `is_it` is true.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(&u32) -> bool) -> Option<u32> {
        let (_, _, place) = self.table(hash)?.find(kept(hash), |place| is_it(&place))?;
        Some(place)
    }

    /// A place that may well be the one with this hash: of orders that are there, it nearly always
    /// is.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Reads the line that [`Places::guess`] begins with, and decides nothing by it.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) -> u32 {
        self.table(hash).map_or(0, |table| table.touch(kept(hash)))
    }

    /// Adds a place that is not there.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let choice = self.choice(hash);
        if let Some(table) = self.tables.get_mut(choice) {
            table.insert(kept(hash), place);
        }
    }

    /// Takes a place out, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let choice = self.choice(hash);
        if let Some(table) = self.tables.get_mut(choice) {
            table.remove(kept(hash), place);
        }
    }

    fn table(&self, hash: u64) -> Option<&Table> {
        self.tables.get(self.choice(hash))
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the rest of the bits is cut off"
    )]
    fn choice(&self, hash: u64) -> usize {
        let bits = (hash >> CHOICE_SHIFT) as usize % (1 << CHOICE_BITS);
        self.choices.get(bits).copied().unwrap_or_default().into()
    }
}

/// The bits of a hash that a table needs.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the other bits are left out"
)]
fn kept(hash: u64) -> u32 {
    hash as u32
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

/// How many places a line has room for.
const ROOM: usize = 8;

/// A table grows when two lines would hold more than this on average. Fuller ones have more places
/// that are not at home.
const MOST_IN_TWO: usize = 13;

/// Stands where no place is.
const NO_PLACE: u32 = u32::MAX;

/// A piece of a table: what the processor fetches from memory at once. Places that are used come
/// first.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    /// Of each place, those of its hash.
    bits: [u32; ROOM],
    places: [u32; ROOM],
}

impl Line {
    const EMPTY: Line = Line {
        bits: [0; ROOM],
        places: [NO_PLACE; ROOM],
    };

    fn is_full(&self) -> bool {
        let [.., last] = self.places;
        last != NO_PLACE
    }

    /// The first place with these bits of which `is_it` is true, and where in the line it is.
    #[inline]
    fn find(&self, bits: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<(usize, u32)> {
        // All are compared, whichever it is, so that the compiler can look at several at once.
        let mut same = 0_u32;
        for (nth, own) in self.bits.iter().enumerate() {
            same |= u32::from(*own == bits) << nth;
        }
        while same != 0 {
            let nth = same.trailing_zeros() as usize;
            let place = *self.places.get(nth)?;
            if place != NO_PLACE && is_it(place) {
                return Some((nth, place));
            }
            same &= same - 1;
        }
        None
    }

    /// Adds a place; false if there is no room.
    fn add(&mut self, bits: u32, place: u32) -> bool {
        let mut all = self.bits.iter_mut().zip(&mut self.places);
        let Some((own, free)) = all.find(|(_, place)| **place == NO_PLACE) else {
            return false;
        };
        (*own, *free) = (bits, place);
        true
    }

    /// Takes out the place at `nth`; the last one comes there.
    fn take(&mut self, nth: usize) {
        let used = self.used().count();
        if nth < used {
            self.bits.swap(nth, used - 1);
            self.places.swap(nth, used - 1);
            if let Some(last) = self.places.get_mut(used - 1) {
                *last = NO_PLACE;
            }
        }
    }

    /// The places that there are, each with its bits.
    fn used(&self) -> impl Iterator<Item = (u32, u32)> {
        let all = self.bits.iter().copied().zip(self.places);
        all.take_while(|(_, place)| *place != NO_PLACE)
    }
}

/// A hash table in which nearly every search ends in the line that it begins with: with millions of
/// books its price is how often it has to wait for memory. A place stands in the line that its bits tell, its home, or, if that one and those
/// behind it are full, in the first behind them that is not.
#[derive(Debug)]
struct Table {
    /// Two less than a power of two of them: an allocator needs some bytes to align them, and
    /// would go on to its next size, which is a quarter more.
    lines: Vec<Line>,
    length: usize,
}

impl Table {
    fn new() -> Self {
        Table {
            lines: vec![Line::EMPTY; 2],
            length: 0,
        }
    }

    /// The line that a place with these bits belongs to: they are a fraction of the table.
    fn home(&self, bits: u32) -> usize {
        ((u64::from(bits) * self.lines.len() as u64) >> u32::BITS) as usize
    }

    fn behind(&self, line: usize) -> usize {
        if line + 1 < self.lines.len() {
            line + 1
        } else {
            0
        }
    }

    /// How many lines it is from one to another one, always forwards.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to < from {
            to + self.lines.len() - from
        } else {
            to - from
        }
    }

    #[inline]
    fn touch(&self, bits: u32) -> u32 {
        let [first, ..] = self
            .lines
            .get(self.home(bits))
            .map_or([0; ROOM], |line| line.bits);
        first
    }

    /// The line, where in it, and the place with these bits of which `is_it` is true.
    #[inline]
    fn find(&self, bits: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<(usize, usize, u32)> {
        let mut at = self.home(bits);
        loop {
            let line = self.lines.get(at)?;
            if let Some((nth, place)) = line.find(bits, &mut is_it) {
                return Some((at, nth, place));
            }
            // There is one: a table grows long before all are full.
            if !line.is_full() {
                return None;
            }
            at = self.behind(at);
        }
    }

    fn insert(&mut self, bits: u32, place: u32) {
        self.length += 1;
        if self.length * 2 > self.lines.len() * MOST_IN_TWO {
            let twice = vec![Line::EMPTY; self.lines.len() * 2 + 2];
            for line in std::mem::replace(&mut self.lines, twice) {
                for (bits, place) in line.used() {
                    self.put(bits, place);
                }
            }
        }
        self.put(bits, place);
    }

    fn put(&mut self, bits: u32, place: u32) {
        let mut at = self.home(bits);
        while let Some(line) = self.lines.get_mut(at)
            && !line.add(bits, place)
        {
            at = self.behind(at);
        }
    }

    fn remove(&mut self, bits: u32, place: u32) {
        let Some((mut hole, nth, _)) = self.find(bits, |there| there == place) else {
            return;
        };
        self.length -= 1;
        let mut was_full = self.take(hole, nth);
        // What found no room here stands further on, and is looked for only as far as lines are
        // full: one such comes here, and leaves a hole there.
        let mut at = hole;
        while was_full {
            at = self.behind(at);
            let passed = |(bits, _): &(u32, u32)| {
                self.distance(self.home(*bits), at) >= self.distance(hole, at)
            };
            let Some(line) = self.lines.get(at) else {
                return;
            };
            was_full = line.is_full();
            let Some((nth, (bits, place))) =
                line.used().enumerate().find(|(_, entry)| passed(entry))
            else {
                continue;
            };
            self.take(at, nth);
            if let Some(line) = self.lines.get_mut(hole) {
                line.add(bits, place);
            }
            hole = at;
        }
    }

    /// Takes a place out of its line; tells whether that was full.
    fn take(&mut self, line: usize, nth: usize) -> bool {
        self.lines.get_mut(line).is_some_and(|line| {
            let was_full = line.is_full();
            line.take(nth);
            was_full
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

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
        let hash = |place: u32| common | u64::from(place) << 32;
        let all = 0..1 << (CHOICE_SHIFT - 32);
        for place in all.clone() {
            assert_eq!(kept(hash(place)), kept(common));
            places.insert(hash(place), place);
        }
        let find = |places: &Places, place| places.find(hash(place), |it| *it == place);
        assert!(all.clone().all(|place| find(&places, place) == Some(place)));
        for place in all.clone().step_by(2) {
            places.remove(hash(place), place);
        }
        for place in all {
            assert_eq!(find(&places, place), (place % 2 == 1).then_some(place));
        }
        // Others are not even looked at.
        let other = common ^ 1;
        assert_eq!(places.find(other, |_| panic!("another's place")), None);
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
        let lines: usize = places.tables.iter().map(|table| table.lines.len()).sum();
        let room = lines * ROOM;
        assert!((1_300_000..1_900_000).contains(&room), "{room}");
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

    proptest! {
        /// A slow table beside this one, and bits of which many have the same home.
        #[test]
        fn what_stands_behind_full_lines_is_found_after_any_removal(
            steps in vec((0.0..1.0, 0..24_u32, 0..4_u32, any::<Index>()), 1..3000),
        ) {
            let mut table = Table::new();
            let mut slow: Vec<(u32, u32)> = Vec::new();
            for (nth, (chance, home, low, index)) in (0..).zip(steps) {
                // It grows and shrinks in turns.
                let share = if nth / 400 % 2 == 0 { 0.8 } else { 0.2 };
                if slow.is_empty() || chance < share {
                    let bits = (home * (u32::MAX / 24)).wrapping_sub(1) ^ low;
                    table.insert(bits, nth);
                    slow.push((bits, nth));
                } else {
                    let (bits, place) = slow.swap_remove(index.index(slow.len()));
                    table.remove(bits, place);
                    prop_assert_eq!(table.find(bits, |there| there == place), None);
                }
                prop_assert_eq!(table.length, slow.len());
                if nth % 16 == 0 {
                    for (bits, place) in &slow {
                        let found = table.find(*bits, |there| there == *place);
                        prop_assert_eq!(found.map(|(_, _, place)| place), Some(*place));
                    }
                }
            }
        }
    }
}
