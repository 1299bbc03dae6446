//! What is known of one order.

use trade::{Alert, OVER_PURCHASE, alert_id};

use crate::books::Moment;
use crate::counted::Counted;
use crate::id::Id;
use crate::names::{Name, Names};

/// One order's book. There may be millions, and to fetch one from memory takes longer than to apply
/// a trade to it, so it is 128 bytes, which is two fetches: the ids of an ordinary order fill the
/// second one. When it was opened is kept elsewhere, see [`crate::age`].
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Book {
    pub(crate) order: Id,
    /// Shares requested; of no meaning before the request came.
    limit: u64,
    bought_low: u64,
    bought_high: u32,
    client: Name,
    stock: Name,
    requested: bool,
    alerted: bool,
    /// Opened in a part of the log that a new owner read again: its request may lie before.
    pub(crate) replayed: bool,
    pub(crate) counted: Counted,
}

/// What a request says beside its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms<'a> {
    pub(crate) shares: u64,
    pub(crate) client: &'a str,
    pub(crate) stock: &'a str,
}

impl Book {
    pub(crate) fn open(order: Id, replayed: bool) -> Self {
        Book {
            order,
            limit: 0,
            bought_low: 0,
            bought_high: 0,
            client: Name::NONE,
            stock: Name::NONE,
            requested: false,
            alerted: false,
            replayed,
            counted: Counted::none(),
        }
    }

    /// What the request said, once it came.
    pub(crate) fn terms<'a>(&self, names: &'a Names) -> Option<Terms<'a>> {
        self.requested.then(|| Terms {
            shares: self.limit,
            client: names.text(self.client),
            stock: names.text(self.stock),
        })
    }

    pub(crate) fn set_terms(&mut self, terms: &Terms<'_>, names: &mut Names) {
        self.limit = terms.shares;
        self.client = names.hold(terms.client);
        self.stock = names.hold(terms.stock);
        self.requested = true;
    }

    /// Adds a purchase; false if it is counted already or the order has alerted.
    pub(crate) fn add(&mut self, purchase_id: &str, shares: u64, seed: u64) -> bool {
        if self.alerted || !self.counted.insert(purchase_id, seed) {
            return false;
        }
        // A sum of 2^32 purchases of 2^64 shares fits 96 bits; nobody holds that many ids.
        let sum = self.bought().saturating_add(u128::from(shares));
        #[allow(clippy::cast_possible_truncation)]
        {
            self.bought_low = sum as u64;
            self.bought_high = (sum >> 64) as u32;
        }
        true
    }

    /// Shares bought so far.
    pub(crate) fn bought(&self) -> u128 {
        u128::from(self.bought_high) << 64 | u128::from(self.bought_low)
    }

    /// By how much the order is over-purchased, if it is and has not alerted.
    #[inline]
    pub(crate) fn excess(&self) -> Option<u128> {
        let excess = self.bought().checked_sub(u128::from(self.limit))?;
        (self.requested && !self.alerted && excess > 0).then_some(excess)
    }

    /// The alert of an order whose [`Book::excess`] this is. Leaves a tombstone.
    pub(crate) fn take_alert(
        &mut self,
        excess: u128,
        opened_time_us: Option<i64>,
        moment: &Moment,
        names: &Names,
    ) -> Option<Alert> {
        let terms = self.terms(names)?;
        self.alerted = true;
        let purchased = self.bought();
        let tipped_by = self.counted.last();
        self.counted = Counted::none();
        let order_id = self.order.text();
        Some(Alert {
            alert_id: alert_id(OVER_PURCHASE, &order_id),
            kind: OVER_PURCHASE.to_owned(),
            order_id,
            client: terms.client.to_owned(),
            stock: terms.stock.to_owned(),
            requested: terms.shares,
            purchased,
            excess,
            tipped_by,
            opened_time_us,
            raised_time_us: moment.time_us,
        })
    }

    /// Reads the first half of the book, which is what it takes to end an ordinary order's.
    #[inline]
    pub(crate) fn touch_first_half(&self) -> u64 {
        self.limit
    }

    /// Reads what the next trade of an ordinary order will need.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.limit ^ self.counted.touch()
    }

    /// About how many bytes it takes beyond those of an ordinary book, names apart.
    pub(crate) fn extra_bytes(&self) -> usize {
        self.order.text_bytes() + self.counted.extra_bytes()
    }

    /// Whether purchases came, and never a request for them.
    pub(crate) fn is_orphan(&self) -> bool {
        !self.requested && self.counted.len() > 0
    }

    /// Lets go of what the book shares with others.
    pub(crate) fn release(&self, names: &mut Names) {
        if self.requested {
            names.release(self.client);
            names.release(self.stock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_with_four_purchases_is_128_bytes() {
        assert_eq!(size_of::<Option<Book>>(), 128);
    }

    #[test]
    fn the_ids_of_four_purchases_fill_the_second_half_of_a_book() {
        let mut book = Book::open(Id::new("", None), false);
        for nth in 0..4 {
            book.add(&format!("{nth:08x}-0000-4000-8000-000000000000"), 1, 7);
        }
        let Counted::Ordinary { ids, .. } = &book.counted else {
            panic!("kept elsewhere");
        };
        assert_eq!(ids.as_ptr().addr() - (&raw const book).addr(), 64);
    }
}
