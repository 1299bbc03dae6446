//! The alerts that this process is busy with, in memory: a duplicate of one of them is known
//! without asking the ledger.

use dashmap::{DashMap, mapref::entry::Entry};
use uuid::Uuid;

/// Alerts taken from the queue and not settled for every recipient yet. No larger than what is
/// open in the ledger.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_alert: DashMap<Uuid, Flight>,
}

#[derive(Debug)]
struct Flight {
    payload_hash: [u8; 32],
    /// Recipients without an outcome.
    open: usize,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Boarding {
    /// Not in flight: the ledger decides. It is now.
    New,
    /// In flight already, byte for byte.
    Duplicate,
    /// In flight with another payload: the ledger must note it.
    Conflict,
}

impl Flights {
    /// An alert came in, for so many recipients.
    pub(crate) fn board(&self, alert: Uuid, payload_hash: [u8; 32], recipients: usize) -> Boarding {
        match self.by_alert.entry(alert) {
            Entry::Vacant(vacant) => {
                vacant.insert(Flight {
                    payload_hash,
                    open: recipients,
                });
                Boarding::New
            }
            Entry::Occupied(flight) if flight.get().payload_hash == payload_hash => {
                Boarding::Duplicate
            }
            Entry::Occupied(_) => Boarding::Conflict,
        }
    }

    /// So many of an alert's recipients need nothing more. What is not in flight (taken up from
    /// the ledger after a restart) is passed over.
    pub(crate) fn settle(&self, alert: Uuid, recipients: usize) {
        if let Entry::Occupied(mut flight) = self.by_alert.entry(alert) {
            let open = flight.get().open.saturating_sub(recipients);
            flight.get_mut().open = open;
            if open == 0 {
                flight.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_in_flight_until_its_last_recipient_is_settled() {
        let flights = Flights::default();
        let (alert, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(flights.board(alert, [0; 32], 2), Boarding::New);
        assert_eq!(flights.board(other, [0; 32], 2), Boarding::New);
        assert_eq!(flights.board(alert, [0; 32], 2), Boarding::Duplicate);
        assert_eq!(flights.board(alert, [1; 32], 2), Boarding::Conflict);
        flights.settle(alert, 1);
        assert_eq!(flights.board(alert, [0; 32], 2), Boarding::Duplicate);
        flights.settle(alert, 1);
        flights.settle(alert, 1);
        assert_eq!(flights.board(alert, [0; 32], 2), Boarding::New);
        flights.settle(alert, 2);
        flights.settle(other, 2);
        assert!(flights.by_alert.is_empty());
    }
}
