//! The points at which a channel-boy is killed, and the oracle: what must come of each.

/// A point in the life of a delivery, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Received,
    Inserted,
    Acknowledged,
    Claimed,
    Sending,
    Threshold,
    /// The provider has it on disk and has not said so: the test kills, not the program.
    Taken,
    Answered,
    Recorded,
}

/// What a channel does with an alert in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Hold,
    Resend,
    Ask,
}

/// What must be seen in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// How often the sink accepted it.
    pub(crate) accepted: usize,
    /// The ledger's word.
    pub(crate) word: &'static str,
}

impl Point {
    pub(crate) const ALL: [Self; 9] = [
        Self::Received,
        Self::Inserted,
        Self::Acknowledged,
        Self::Claimed,
        Self::Sending,
        Self::Threshold,
        Self::Taken,
        Self::Answered,
        Self::Recorded,
    ];

    /// Its name in `channel-boy/src/crash.rs`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Inserted => "inserted",
            Self::Acknowledged => "acknowledged",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Threshold => "threshold",
            Self::Taken => "taken",
            Self::Answered => "answered",
            Self::Recorded => "recorded",
        }
    }

    /// Whether this is what the ledger says when the process was killed here.
    pub(crate) fn leaves(self, word: Option<&str>) -> bool {
        match self {
            Self::Received => word.is_none(),
            Self::Inserted | Self::Acknowledged => matches!(word, Some("pending" | "claimed")),
            Self::Claimed => word == Some("claimed"),
            Self::Sending | Self::Threshold | Self::Taken | Self::Answered => {
                word == Some("sending")
            }
            Self::Recorded => word == Some("delivered"),
        }
    }

    /// What must come of an alert whose channel-boy was killed here and started again.
    pub(crate) fn ending(self, policy: Policy) -> Ending {
        let ending = |accepted, word| Ending { accepted, word };
        match (self, policy) {
            // Nothing was sent, and that is known; or it was recorded.
            (
                Self::Received
                | Self::Inserted
                | Self::Acknowledged
                | Self::Claimed
                | Self::Recorded,
                _,
            ) => ending(1, "delivered"),
            // Nothing was sent, and nobody knows.
            (Self::Sending | Self::Threshold, Policy::Hold | Policy::Ask) => ending(0, "in_doubt"),
            (Self::Sending | Self::Threshold, Policy::Resend) => ending(1, "delivered"),
            // It was sent, and only the provider knows.
            (Self::Taken | Self::Answered, Policy::Hold) => ending(1, "in_doubt"),
            (Self::Taken | Self::Answered, Policy::Resend) => ending(2, "delivered"),
            (Self::Taken | Self::Answered, Policy::Ask) => ending(1, "delivered"),
        }
    }
}

impl Policy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Resend => "resend",
            Self::Ask => "ask",
        }
    }
}
