//! What may be asked of a ledger, at random.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Wait(i64),
    Insert {
        alert: u8,
        channel: usize,
        recipient: u8,
        payload: u8,
        dead: bool,
    },
    Claim {
        channel: usize,
        recipient: Option<u8>,
        limit: usize,
        lease_ms: i64,
        /// Straight to `sending`.
        begins: bool,
    },
    /// The last tickets, so many of them, as a digest if there is one.
    Begin {
        ticket: usize,
        more: usize,
        digest: Option<u8>,
        lease_ms: i64,
    },
    Record {
        ticket: usize,
        outcome: u8,
        wait_ms: i64,
    },
    Release {
        ticket: usize,
        wait_ms: Option<i64>,
    },
    Resend {
        ticket: usize,
        wait_ms: i64,
    },
    Resolve {
        alert: u8,
        channel: Option<usize>,
        recipient: Option<u8>,
        delivered: bool,
    },
    Bury {
        channel: usize,
    },
    Reopen {
        alert: u8,
        channel: usize,
        recipient: u8,
        burial: u32,
    },
    Forget {
        alert: u8,
        channel: usize,
        recipient: u8,
    },
    Sweep,
    Prune {
        age_ms: i64,
        limit: usize,
    },
    Restart,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let key = || (0u8..3, 0usize..2, 0u8..2);
    let maybe = |range: std::ops::Range<u8>| prop::option::weighted(0.3, range);
    prop_oneof![
        2 => (0i64..40).prop_map(Step::Wait),
        5 => (key(), 0u8..2, prop::bool::weighted(0.1)).prop_map(
            |((alert, channel, recipient), payload, dead)| {
                Step::Insert { alert, channel, recipient, payload, dead }
            }),
        6 => (0usize..2, maybe(0..2), 0usize..4, 0i64..60, prop::bool::weighted(0.3))
            .prop_map(|(channel, recipient, limit, lease_ms, begins)| {
                Step::Claim { channel, recipient, limit, lease_ms, begins }
            }),
        7 => (0usize..6, 0usize..3, maybe(0..2), 0i64..60).prop_map(
            |(ticket, more, digest, lease_ms)| Step::Begin { ticket, more, digest, lease_ms }),
        7 => (0usize..6, 0u8..4, 0i64..40)
            .prop_map(|(ticket, outcome, wait_ms)| Step::Record { ticket, outcome, wait_ms }),
        1 => (0usize..6, prop::option::of(0i64..40))
            .prop_map(|(ticket, wait_ms)| Step::Release { ticket, wait_ms }),
        3 => (0usize..6, 0i64..20).prop_map(|(ticket, wait_ms)| Step::Resend { ticket, wait_ms }),
        1 => (0u8..3, prop::option::of(0usize..2), prop::option::of(0u8..2), any::<bool>()).prop_map(
            |(alert, channel, recipient, delivered)| {
                Step::Resolve { alert, channel, recipient, delivered }
            }),
        1 => (0usize..2).prop_map(|channel| Step::Bury { channel }),
        1 => (key(), 1u32..3).prop_map(|((alert, channel, recipient), burial)| {
            Step::Reopen { alert, channel, recipient, burial }
        }),
        1 => key().prop_map(|(alert, channel, recipient)| {
            Step::Forget { alert, channel, recipient }
        }),
        2 => Just(Step::Sweep),
        1 => (0i64..60, 0usize..3).prop_map(|(age_ms, limit)| Step::Prune { age_ms, limit }),
        1 => Just(Step::Restart),
    ]
}
