//! Which messages may be acknowledged: many by one frame, which acknowledges all before it too.

use std::collections::VecDeque;

/// The messages that are not acknowledged, in the order in which they came. No more of them than
/// the prefetch.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: VecDeque<(u64, bool)>,
}

impl Acks {
    /// A message came; tags grow.
    pub(super) fn came(&mut self, tag: u64) {
        self.waiting.push_back((tag, false));
    }

    /// A message may be acknowledged.
    pub(super) fn done(&mut self, tag: u64) {
        if let Ok(at) = self.waiting.binary_search_by_key(&tag, |(tag, _)| *tag) {
            self.waiting[at].1 = true;
        }
    }

    /// The message up to which all may be acknowledged, if there is a new one; they are taken to
    /// be.
    pub(super) fn up_to(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some((tag, true)) = self.waiting.front() {
            last = Some(*tag);
            self.waiting.pop_front();
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_acknowledged_before_what_came_before_it() {
        let mut acks = Acks::default();
        for tag in 1..=4 {
            acks.came(tag);
        }
        acks.done(2);
        acks.done(4);
        assert_eq!(acks.up_to(), None);
        acks.done(1);
        assert_eq!(acks.up_to(), Some(2));
        assert_eq!(acks.up_to(), None);
        acks.done(3);
        assert_eq!(acks.up_to(), Some(4));
        assert!(acks.waiting.is_empty());
    }
}
