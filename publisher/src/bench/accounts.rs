//! Which alerts came, and whether they are the right ones.

use std::collections::HashMap;

use oracle::Expected;
use serde::Serialize;
use uuid::Uuid;

use crate::feed::Over;

/// How many orders of each kind are named.
const MOST_NAMED: usize = 100;

/// An account for each order that was planned over-purchased or that an alert came for.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    orders: HashMap<Uuid, Account>,
    /// Expected orders whose alert has not come.
    missing: u64,
    /// Alerts for what is no order id of ours, or by a purchase that was not sent.
    strange: Wrong,
}

#[derive(Debug, Default)]
struct Account {
    /// The purchases sent and when each was due; forgotten with the alert.
    purchases: Vec<(Uuid, u64)>,
    alerts: u32,
    /// What the oracle said.
    is_expected: bool,
}

/// What came of the alerts that had to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Balance {
    pub(crate) expected: u64,
    /// Expected ones that came, repeats not counted.
    pub(crate) received: u64,
    pub(crate) missing: Wrong,
    /// Came more than once.
    pub(crate) doubled: Wrong,
    /// Came, and no trades of this run account for them.
    pub(crate) invented: Wrong,
}

/// Orders with the same fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    pub(crate) count: u64,
    /// The first hundred, by order id.
    pub(crate) orders: Vec<String>,
}

impl Accounts {
    /// A purchase is sent whose order is planned over-purchased.
    pub(crate) fn sent(&mut self, over: &Over, due_us: u64) {
        let account = self.orders.entry(over.order_id).or_default();
        if account.alerts == 0 {
            account.purchases.push((over.purchase_id, due_us));
        }
    }

    /// An alert came. Gives when the purchase that tipped its order was due, if it is the first
    /// one for an order of ours.
    pub(crate) fn received(&mut self, order_id: &str, tipped_by: &str) -> Option<u64> {
        let Ok(order) = order_id.parse::<Uuid>() else {
            self.strange.add(order_id.to_owned());
            return None;
        };
        let account = self.orders.entry(order).or_default();
        account.alerts += 1;
        if account.alerts > 1 {
            return None;
        }
        self.missing -= u64::from(account.is_expected);
        let purchases = std::mem::take(&mut account.purchases);
        let tipped_by = tipped_by.parse::<Uuid>().ok();
        let mut tipping = purchases.iter();
        let tipping = tipping.find(|(id, _)| Some(*id) == tipped_by);
        if tipping.is_none() && !purchases.is_empty() {
            self.strange.add(order_id.to_owned());
        }
        tipping.map(|(_, due_us)| *due_us)
    }

    /// The oracle's verdict over all that was sent.
    pub(crate) fn expect(&mut self, expected: &[Expected]) {
        for alert in expected {
            // Made-up orders have UUIDs.
            let Ok(order) = alert.order_id.parse::<Uuid>() else {
                continue;
            };
            let account = self.orders.entry(order).or_default();
            account.is_expected = true;
            self.missing += u64::from(account.alerts == 0);
        }
    }

    /// How many of the expected alerts have not come.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    pub(crate) fn balance(&self) -> Balance {
        let orders = |wanted: fn(&Account) -> bool| {
            let wanted = self.orders.iter().filter(move |(_, one)| wanted(one));
            Wrong::of(wanted.map(|(id, _)| id))
        };
        let count = |wanted: fn(&Account) -> bool| {
            self.orders.values().filter(|one| wanted(one)).count() as u64
        };
        let mut invented = orders(|one| one.alerts > 0 && !one.is_expected);
        for order in &self.strange.orders {
            invented.name(order.clone());
        }
        invented.count += self.strange.count;
        Balance {
            expected: count(|one| one.is_expected),
            received: count(|one| one.is_expected && one.alerts > 0),
            missing: orders(|one| one.is_expected && one.alerts == 0),
            doubled: orders(|one| one.alerts > 1),
            invented,
        }
    }
}

impl Balance {
    /// Whether every alert came, each once, and no other.
    pub(crate) fn is_even(&self) -> bool {
        self.missing.count + self.doubled.count + self.invented.count == 0
    }
}

impl Wrong {
    fn of<'a>(ids: impl Iterator<Item = &'a Uuid>) -> Self {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        let named = ids.iter().take(MOST_NAMED);
        Self {
            count: ids.len() as u64,
            orders: named.map(ToString::to_string).collect(),
        }
    }

    fn add(&mut self, order: String) {
        self.count += 1;
        self.name(order);
    }

    fn name(&mut self, order: String) {
        if self.orders.len() < MOST_NAMED {
            self.orders.push(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(order: u128, purchase: u128) -> Over {
        Over {
            order_id: Uuid::from_u128(order),
            purchase_id: Uuid::from_u128(purchase),
            tips: false,
        }
    }

    fn expected(orders: &[u128]) -> Vec<Expected> {
        let alert = |order: &u128| Expected {
            order_id: text(*order),
            client: String::new(),
            stock: String::new(),
            requested: 1,
            purchased_total: 2,
        };
        orders.iter().map(alert).collect()
    }

    fn text(id: u128) -> String {
        Uuid::from_u128(id).to_string()
    }

    #[test]
    fn an_alert_is_measured_from_the_purchase_that_tipped_it() {
        let mut accounts = Accounts::default();
        accounts.sent(&over(1, 10), 500);
        accounts.sent(&over(1, 11), 600);
        accounts.sent(&over(2, 20), 700);
        assert_eq!(accounts.received(&text(1), &text(11)), Some(600));
        // The same alert again, one by a purchase that nobody sent, one of nobody's order.
        assert_eq!(accounts.received(&text(1), &text(11)), None);
        assert_eq!(accounts.received(&text(2), &text(11)), None);
        assert_eq!(accounts.received(&text(3), &text(30)), None);
        accounts.expect(&expected(&[1, 2]));
        let balance = accounts.balance();
        assert_eq!(balance.doubled.orders, [text(1)]);
        assert_eq!(balance.invented.orders, [text(3), text(2)]);
    }

    #[test]
    fn an_even_balance() {
        let mut accounts = Accounts::default();
        accounts.sent(&over(1, 10), 500);
        accounts.sent(&over(2, 20), 600);
        accounts.received(&text(1), &text(10));
        accounts.expect(&expected(&[1, 2]));
        assert_eq!(accounts.missing(), 1);
        accounts.received(&text(2), &text(20));
        assert_eq!(accounts.missing(), 0);
        let balance = accounts.balance();
        assert!(balance.is_even());
        assert_eq!((balance.expected, balance.received), (2, 2));
    }

    #[test]
    fn what_is_missing_doubled_or_invented_is_named() {
        let mut accounts = Accounts::default();
        // Sent in part only: planned over-purchased, and not so in the end.
        accounts.sent(&over(4, 40), 500);
        for order in [2, 2, 3] {
            accounts.received(&text(order), &text(9));
        }
        accounts.received("no uuid", "1");
        accounts.expect(&expected(&[1, 2]));
        let balance = accounts.balance();
        assert!(!balance.is_even());
        assert_eq!((balance.expected, balance.received), (2, 1));
        assert_eq!(balance.missing.orders, [text(1)]);
        assert_eq!(balance.doubled.orders, [text(2)]);
        assert_eq!(balance.invented.count, 2);
        assert_eq!(balance.invented.orders, [text(3), "no uuid".to_owned()]);
    }

    #[test]
    fn many_are_counted_and_a_hundred_named() {
        let mut accounts = Accounts::default();
        let orders: Vec<_> = (0..1000).collect();
        accounts.expect(&expected(&orders));
        let missing = accounts.balance().missing;
        assert_eq!((missing.count, missing.orders.len()), (1000, 100));
        assert_eq!(missing.orders[0], text(0));
    }
}
