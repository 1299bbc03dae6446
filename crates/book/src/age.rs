//! Which books are the oldest.

use crate::books::Moment;
use crate::queue::Queue;

/// Stands for "the message carried no time": the earliest there is.
const NO_TIME: i64 = i64::MIN;

/// When a book was opened, which no trade needs but one that raises an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Offset of the message that opened the book.
    pub(crate) offset: u64,
    /// The [`Moment::begin_us`] then.
    pub(crate) log_us: i64,
    /// Own time of that message, or [`NO_TIME`].
    time_us: i64,
}

impl Opening {
    pub(crate) fn at(moment: &Moment) -> Self {
        Opening {
            offset: moment.offset,
            log_us: moment.begin_us,
            time_us: moment.time_us.unwrap_or(NO_TIME),
        }
    }

    /// Own time of the message, in microseconds since the epoch, if it carried one.
    pub(crate) fn time_us(&self) -> Option<i64> {
        (self.time_us != NO_TIME).then_some(self.time_us)
    }
}

/// The places of open books in the order in which they were opened. Those that one message opened
/// share an [`Opening`].
#[derive(Debug)]
pub(crate) struct ByAge {
    /// With [`FIRST`], those of books whose opening is another one than that of the book before;
    /// the oldest one's may be without it, when the first of its opening has ended.
    places: Queue<u32>,
    openings: Queue<Opening>,
}

/// A bit that no place has: the limit of open books is far below.
const FIRST: u32 = 1 << 31;

impl ByAge {
    /// No books.
    pub(crate) fn new() -> Self {
        ByAge {
            places: Queue::new(),
            openings: Queue::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds the place of a book that is opened now; gives the number of its opening.
    pub(crate) fn push(&mut self, place: u32, opening: Opening) -> u32 {
        debug_assert!(place & FIRST == 0, "too many books");
        match self.openings.back() {
            Some((number, last)) if *last == opening => {
                self.places.push(place);
                number
            }
            _ => {
                self.places.push(place | FIRST);
                self.openings.push(opening)
            }
        }
    }

    /// Takes the place of the oldest book.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let place = self.places.pop()?;
        if self.places.front().is_none_or(|next| next & FIRST != 0) {
            self.openings.pop();
        }
        Some(place & !FIRST)
    }

    /// When the oldest book was opened.
    pub(crate) fn oldest(&self) -> Option<&Opening> {
        self.openings.front()
    }

    /// The opening with this number, while a book that it is of is open.
    pub(crate) fn opening(&self, number: u32) -> Option<&Opening> {
        self.openings.get(number)
    }

    /// How many books there are from the oldest on, up to the first whose opening `is_over`
    /// refuses, and at most `most`.
    pub(crate) fn count_oldest(&self, most: usize, is_over: impl Fn(&Opening) -> bool) -> usize {
        let mut openings = self.openings.iter();
        let places = self.places.iter().take(most).enumerate();
        let over = places.take_while(|(nth, place)| {
            let is_first = *nth == 0 || **place & FIRST != 0;
            !is_first || openings.next().is_some_and(&is_over)
        });
        over.count()
    }

    /// The places, the oldest book's first.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|place| place & !FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(offset: u64) -> Opening {
        Opening {
            offset,
            log_us: 7,
            time_us: NO_TIME,
        }
    }

    #[test]
    fn books_of_one_message_share_an_opening_until_the_last_of_them_ends() {
        let mut by_age = ByAge::new();
        let numbers: Vec<u32> = [5, 5, 5, 6, 5]
            .map(opening)
            .into_iter()
            .zip(10..)
            .map(|(opening, place)| by_age.push(place, opening))
            .collect();
        assert_eq!(numbers, [0, 0, 0, 1, 2]);
        assert_eq!(by_age.openings.len(), 3);
        assert_eq!(by_age.count_oldest(9, |opening| opening.offset == 5), 3);
        assert_eq!(by_age.count_oldest(2, |opening| opening.offset == 5), 2);
        assert_eq!(by_age.count_oldest(9, |_| true), 5);
        for place in 10..13 {
            assert_eq!(by_age.oldest(), Some(&opening(5)));
            assert_eq!(by_age.opening(0), Some(&opening(5)));
            assert_eq!(by_age.pop(), Some(place));
        }
        assert_eq!(by_age.opening(0), None);
        assert_eq!(by_age.opening(1), Some(&opening(6)));
        assert_eq!(by_age.places().collect::<Vec<_>>(), [13, 14]);
        assert_eq!(
            [by_age.pop(), by_age.pop(), by_age.pop()],
            [Some(13), Some(14), None]
        );
        // One that comes now is not of a message that is gone.
        assert_eq!(by_age.push(20, opening(5)), 3);
        assert_eq!((by_age.len(), by_age.oldest()), (1, Some(&opening(5))));
    }
}
