//! All the open books of a shard.

use std::hash::BuildHasher;
use std::hint::black_box;

use foldhash::fast::FixedState;
use trade::{Alert, Purchase, Request, Trade};

use crate::age::{ByAge, Opening};
use crate::book::{Book, Terms};
use crate::id::{Id, Uuid, uuid_of};
use crate::names::Names;
use crate::places::Places;
use crate::slots::Slots;

/// How books behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a book stays open, in microseconds of log time. It ends when log time has
    /// passed its opening by more.
    pub ttl_us: i64,
    /// How many books may be open between two messages, each at [`ORDINARY_BOOK_BYTES`]; books
    /// with many purchases or long ids and names count for more. The oldest beyond it are ended.
    pub max_books: usize,
    /// Seed of the hash tables, from the shell's randomness, so that nobody can choose ids that
    /// collide. Changes nothing of what comes out.
    pub hash_seed: u64,
}

/// About how many bytes an open book takes whose order has four purchases, all under UUIDs.
pub const ORDINARY_BOOK_BYTES: usize = 200;

/// How many books one call of [`Books::end_due`] ends at most, beside as many as were opened since
/// the last one, and how many orphans it says: one message must not cause a flood. The others are
/// ended with the next ones.
const END_AT_ONCE: usize = 4096;

/// How many books are looked at side by side. A core has a dozen reads of memory under way.
const BROUGHT_AT_ONCE: usize = 32;

/// Where in the log a trade stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Offset of its message.
    pub offset: u64,
    /// The message's own time, in microseconds since the epoch.
    pub time_us: Option<i64>,
    /// When a book that it opens is opened, in microseconds of log time since the epoch;
    /// `i64::MIN` while unknown.
    pub begin_us: i64,
    /// Whether it is read again after a change of owner.
    pub replayed: bool,
}

/// What finds the book of an order in the [`Books`] that made it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Of an order id that is a UUID.
    uuid: Option<Uuid>,
    /// Where its book may well be; [`NOWHERE`] if that is not known.
    guess: u32,
    hash: u64,
}

/// No book is there.
const NOWHERE: u32 = u32::MAX;

/// A request came again with other shares, client or stock; the first one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What differs.
    pub field: &'static str,
}

/// A book that held purchases and ended without their request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The order.
    pub order_id: String,
    /// How many purchases came for it.
    pub purchases: usize,
    /// How many shares they bought.
    pub shares: u128,
    /// Whether it was opened in a part of the log that was read again, so that its request may
    /// well stand before that part.
    pub doubtful: bool,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that opened or completed a book.
    pub requests: u64,
    /// Purchases counted.
    pub purchases: u64,
    /// Trades that came again, or came after the alert.
    pub repeats: u64,
    /// Requests that came again with other content.
    pub conflicts: u64,
    /// Alerts raised.
    pub alerts: u64,
    /// Books that ended by time.
    pub expired: u64,
    /// Books ended by the limit of open books.
    pub evicted: u64,
}

/// The open books, by order id and by age.
#[derive(Debug)]
pub struct Books {
    settings: Settings,
    /// From an order id to a place in `slots`.
    places: Places,
    slots: Slots,
    by_age: ByAge,
    names: Names,
    hasher: FixedState,
    counts: Counts,
    /// Bytes of open books beyond those of ordinary ones, names apart.
    extra_bytes: usize,
    /// How many books were opened since [`Books::end_due`] was called.
    opened: usize,
    /// The first log time known; what was opened before counts as opened then.
    first_log_us: Option<i64>,
}

impl Books {
    /// No books.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let hasher = FixedState::with_seed(settings.hash_seed);
        Books {
            places: Places::new(),
            slots: Slots::default(),
            by_age: ByAge::new(),
            names: Names::new(hasher.clone()),
            hasher,
            counts: Counts::default(),
            extra_bytes: 0,
            opened: 0,
            first_log_us: None,
            settings,
        }
    }

    /// How many are open, tombstones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_age.len() == 0
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The offset of the message that opened the oldest open book, and the log time there: where
    /// one must begin to read to build all open books again.
    #[must_use]
    pub fn oldest(&self) -> Option<(u64, i64)> {
        let opening = self.by_age.oldest()?;
        Some((opening.offset, opening.log_us))
    }

    /// Ends the books whose time is over at `log_us`, and the oldest ones beyond the limit of
    /// open books: up to 4,096 more than were opened since the last call. To be called before each
    /// message; says which of those whose time was over were orphans, up to 4,096.
    pub fn end_due(&mut self, log_us: i64, orphans: &mut Vec<Orphan>) {
        let first_us = self.first_log_us(log_us);
        let ttl_us = self.settings.ttl_us;
        let is_over =
            |opening: &Opening| log_us.saturating_sub(opening.log_us.max(first_us)) > ttl_us;
        let mut left = END_AT_ONCE + std::mem::take(&mut self.opened);
        let most_said = orphans.len() + END_AT_ONCE;
        while left > 0 {
            let most = left.min(BROUGHT_AT_ONCE).min(most_said - orphans.len());
            let over = self.by_age.count_oldest(most, is_over);
            if over > 0 {
                self.bring_oldest(over);
                (0..over).for_each(|_| self.end_oldest(Some(&mut *orphans)));
                self.counts.expired += over as u64;
            } else if self.is_too_large() && !self.is_empty() {
                self.end_oldest(None);
                self.counts.evicted += 1;
            } else {
                return;
            }
            left -= over.max(1);
        }
    }

    /// Ends the oldest book; adds it to `orphans` if it is one.
    fn end_oldest(&mut self, orphans: Option<&mut Vec<Orphan>>) {
        let Some(place) = self.by_age.pop() else {
            return;
        };
        let Some(book) = self.slots.get(place) else {
            return;
        };
        if let Some(orphans) = orphans
            && book.is_orphan()
        {
            orphans.push(Orphan {
                order_id: book.order.text(),
                purchases: book.counted.len(),
                shares: book.bought(),
                doubtful: book.replayed,
            });
        }
        book.release(&mut self.names);
        self.extra_bytes = self.extra_bytes.saturating_sub(book.extra_bytes());
        let hash = hash_of(&self.hasher, &book.order);
        self.places.remove(hash, place);
        self.slots.free(place);
    }

    /// Brings the oldest books into the processor's caches, `count` of them and at most
    /// [`BROUGHT_AT_ONCE`], as [`Books::bring`] does.
    fn bring_oldest(&self, count: usize) {
        if count < 2 {
            return;
        }
        let oldest = || {
            let places = self.by_age.places().take(count);
            places.filter_map(|place| self.slots.get(place))
        };
        black_box(oldest().fold(0, |seen, book| seen ^ book.touch_first_half()));
        let lines = oldest().map(|book| self.places.touch(hash_of(&self.hasher, &book.order)));
        black_box(lines.fold(0, |seen, line| seen ^ line));
    }

    fn is_too_large(&self) -> bool {
        let extra = (self.extra_bytes + self.names.bytes()) / ORDINARY_BOOK_BYTES;
        self.len() + extra > self.settings.max_books
    }

    /// How many open books hold purchases and wait for their request.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let books = self
            .by_age
            .places()
            .filter_map(|place| self.slots.get(place));
        books.filter(|book| book.is_orphan()).count()
    }

    /// The first log time known, if only the present one.
    fn first_log_us(&mut self, log_us: i64) -> i64 {
        if log_us == i64::MIN {
            return i64::MAX;
        }
        *self.first_log_us.get_or_insert(log_us)
    }

    fn key(&self, order_id: &str) -> Key {
        let uuid = uuid_of(order_id);
        let hash = match &uuid {
            Some(uuid) => hash_of_uuid(&self.hasher, uuid),
            None => self.hasher.hash_one(order_id),
        };
        Key {
            uuid,
            guess: NOWHERE,
            hash,
        }
    }

    /// Brings the books of these trades into the processor's caches, and puts a key for each into
    /// `keys`, instead of what was there. Among millions of books each waits for memory several
    /// times; looked at side by side, many wait at once. To be called with a few dozen trades,
    /// before they are applied. What could not be read as a trade has a key like any other, that
    /// of no order.
    pub fn bring<'a>(
        &self,
        trades: impl Iterator<Item = Option<&'a Trade<'a>>>,
        keys: &mut Vec<Key>,
    ) {
        keys.clear();
        let order_ids = trades.map(|trade| trade.map_or("", Trade::order_id));
        keys.extend(order_ids.map(|order_id| self.key(order_id)));
        // One by itself waits as long here as where it is applied.
        if keys.len() > 1 {
            keys.chunks_mut(BROUGHT_AT_ONCE)
                .for_each(|keys| self.touch(keys));
        }
    }

    fn touch(&self, keys: &mut [Key]) {
        // Nothing is decided by one before all are on their way: after a wrong turn the processor
        // would ask for the next ones only when this one is there.
        let lines = keys.iter().map(|key| self.places.touch(key.hash));
        black_box(lines.fold(0, |seen, line| seen ^ line));
        for key in &mut *keys {
            key.guess = self.places.guess(key.hash).unwrap_or(NOWHERE);
        }
        let books = keys.iter().filter_map(|key| self.slots.get(key.guess));
        black_box(books.fold(0, |seen, book| seen ^ book.touch()));
    }

    /// Applies a trade; gives the alert that it raises.
    ///
    /// # Errors
    /// [`Conflict`] when it is a request that came before with other content.
    pub fn apply(&mut self, trade: &Trade<'_>, moment: &Moment) -> Result<Option<Alert>, Conflict> {
        let key = self.key(trade.order_id());
        self.apply_at(&key, trade, moment)
    }

    /// [`Books::apply`] for a trade whose key [`Books::bring`] gave.
    ///
    /// # Errors
    /// As [`Books::apply`].
    pub fn apply_at(
        &mut self,
        key: &Key,
        trade: &Trade<'_>,
        moment: &Moment,
    ) -> Result<Option<Alert>, Conflict> {
        self.first_log_us(moment.begin_us);
        let place = self.place_of(key, trade.order_id(), moment);
        let Some(book) = self.slots.get_mut(place) else {
            return Ok(None);
        };
        let before = book.extra_bytes();
        let changed = match trade {
            Trade::Request(request) => apply_request(book, request, &mut self.names),
            Trade::Purchase(Purchase { id, shares, .. }) => {
                Ok(book.add(id, *shares, self.settings.hash_seed))
            }
        };
        // Counting an id may rearrange those before it, even if it is a repeat.
        self.extra_bytes = (self.extra_bytes + book.extra_bytes()).saturating_sub(before);
        match changed {
            Err(conflict) => {
                self.counts.conflicts += 1;
                return Err(conflict);
            }
            Ok(false) => {
                self.counts.repeats += 1;
                return Ok(None);
            }
            Ok(true) => match trade {
                Trade::Request(_) => self.counts.requests += 1,
                Trade::Purchase(_) => self.counts.purchases += 1,
            },
        }
        // An alert is large, and nearly no trade raises one: nothing is moved for those that don't.
        let Some(excess) = book.excess() else {
            return Ok(None);
        };
        Ok(self.alert(place, excess, moment))
    }

    /// The alert of the book at this place, whose [`Book::excess`] this is.
    fn alert(&mut self, place: u32, excess: u128, moment: &Moment) -> Option<Alert> {
        let opening = self.slots.opening(place);
        let opening = opening.and_then(|number| self.by_age.opening(number));
        debug_assert!(opening.is_some(), "an open book has an opening");
        let opened_time_us = opening.and_then(Opening::time_us);
        let book = self.slots.get_mut(place)?;
        let before = book.extra_bytes();
        let alert = book.take_alert(excess, opened_time_us, moment, &self.names)?;
        self.extra_bytes = (self.extra_bytes + book.extra_bytes()).saturating_sub(before);
        self.counts.alerts += 1;
        Some(alert)
    }

    /// The place of an order's book, opened now if there is none.
    fn place_of(&mut self, key: &Key, order_id: &str, moment: &Moment) -> u32 {
        let Key { uuid, guess, hash } = key;
        debug_assert_eq!(*uuid, uuid_of(order_id), "another order's key");
        let slots = &self.slots;
        let is_it = |place: &u32| {
            slots
                .get(*place)
                .is_some_and(|book| book.order.is(order_id, uuid.as_ref()))
        };
        // Since it was guessed, another book may have come there; an order's own is the only one
        // under its id.
        if is_it(guess) {
            return *guess;
        }
        if let Some(place) = self.places.find(*hash, is_it) {
            return place;
        }
        let order = Id::new(order_id, *uuid);
        self.extra_bytes += order.text_bytes();
        let place = self.slots.insert(Book::open(order, moment.replayed));
        let opening = self.by_age.push(place, Opening::at(moment));
        self.slots.set_opening(place, opening);
        self.opened += 1;
        self.places.insert(*hash, place);
        place
    }
}

fn apply_request(
    book: &mut Book,
    request: &Request<'_>,
    names: &mut Names,
) -> Result<bool, Conflict> {
    let said = Terms {
        shares: request.shares,
        client: &request.client,
        stock: &request.stock,
    };
    let Some(known) = book.terms(names) else {
        book.set_terms(&said, names);
        return Ok(true);
    };
    let field = if known.shares != said.shares {
        "#shares"
    } else if known.client != said.client {
        "client"
    } else if known.stock != said.stock {
        "stock"
    } else {
        return Ok(false);
    };
    Err(Conflict { field })
}

fn hash_of(hasher: &FixedState, order: &Id) -> u64 {
    match order {
        Id::Uuid(uuid) => hash_of_uuid(hasher, uuid),
        Id::Text(text) => hasher.hash_one(&**text),
    }
}

/// As a number, since that is hashed in one step, and a slice of bytes with its length.
fn hash_of_uuid(hasher: &FixedState, uuid: &Uuid) -> u64 {
    let [begin, end] = uuid.map(u128::from);
    hasher.hash_one(begin | end << 64)
}
