//! What an engine did, for its operator.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of what happened in this process, over all shards. Only ever grow.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(crate) $name: AtomicU64,)* }

        /// The counts at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Snapshot { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// The counts now.
            #[must_use]
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Messages read, those read again included.
    messages,
    /// Messages that a former owner had read.
    replayed,
    /// Messages whose effects were not published because a former owner had done it.
    suppressed,
    /// Effects published and confirmed.
    effects,
    /// Effects that the broker refused or returned, and that were published again.
    retried,
    /// Messages that retention had taken before they were read.
    lost_to_retention,
    /// Shards taken over.
    taken_over,
    /// Shards given back for a fair share.
    given_back,
    /// Tokens that could not be read, or belonged to another log.
    bad_tokens,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
