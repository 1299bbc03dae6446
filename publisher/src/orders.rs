//! Synthetic orders: a request and its purchases.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

use crate::ratio::Ratio;

/// What the orders are like.
#[derive(Debug, Clone)]
pub(crate) struct OrderSettings {
    pub(crate) seed: u64,
    pub(crate) amount: Amount,
    /// Purchases of an order.
    pub(crate) purchases: u64,
    /// Which part of the orders is over-purchased; `None` leaves it to chance, with the
    /// amounts of the challenge's script.
    pub(crate) over_purchased: Option<Ratio>,
    /// How many clients and stocks there are to choose from.
    pub(crate) clients: u32,
    pub(crate) stocks: u32,
}

/// How many orders there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Endless,
    Orders(u64),
    /// As many as this many trades make; what is left over makes a last, smaller order.
    Trades(u64),
}

/// An order, drawn whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) limit: u64,
    pub(crate) client: u32,
    pub(crate) stock: u32,
    /// Purchase id and shares.
    pub(crate) purchases: Vec<(Uuid, u64)>,
}

/// Draws one order after the other. The same seed draws the same orders, whatever becomes of
/// them later.
#[derive(Debug)]
pub(crate) struct Orders {
    settings: OrderSettings,
    random: ChaCha8Rng,
    drawn: u64,
}

impl Orders {
    pub(crate) fn new(settings: OrderSettings) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(settings.seed),
            drawn: 0,
            settings,
        }
    }

    /// How many purchases the next order has; `None` when there is no next one.
    fn next_purchases(&self) -> Option<u64> {
        let whole = self.settings.purchases;
        match self.settings.amount {
            Amount::Endless => Some(whole),
            Amount::Orders(orders) => (self.drawn < orders).then_some(whole),
            Amount::Trades(trades) => {
                let left = trades.saturating_sub(self.drawn.saturating_mul(whole + 1));
                (left > 0).then(|| whole.min(left.saturating_sub(1)))
            }
        }
    }

    fn draw(&mut self, purchases: u64) -> Order {
        let id = self.draw_id();
        let limit = self.random.random_range(50..=100);
        let client = self.random.random_range(0..self.settings.clients);
        let stock = self.random.random_range(0..self.settings.stocks);
        let purchases = match self.settings.over_purchased {
            None => self.draw_as_the_script(limit, purchases),
            Some(ratio) => {
                // Only a whole order counts: the smaller one at the end may have no purchase.
                let whole = purchases == self.settings.purchases;
                let total = self.draw_total(limit, whole && ratio.falls_on(self.drawn));
                self.draw_parts(total, purchases)
            }
        };
        self.drawn += 1;
        Order {
            id,
            limit,
            client,
            stock,
            purchases,
        }
    }

    /// The amounts of the challenge's script: `int(limit / 2 * random.random())`.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn draw_as_the_script(&mut self, limit: u64, purchases: u64) -> Vec<(Uuid, u64)> {
        let half = (limit / 2) as f64;
        (0..purchases)
            .map(|_| {
                let shares = (half * self.random.random::<f64>()) as u64;
                (self.draw_id(), shares)
            })
            .collect()
    }

    /// What all purchases of an order come to. One in eight is a close call: the limit
    /// itself, or just one share more.
    fn draw_total(&mut self, limit: u64, over: bool) -> u64 {
        let close = self.random.random_range(0..8) == 0;
        match (over, close) {
            (true, true) => limit + 1,
            (true, false) => limit + self.random.random_range(1..=limit / 2),
            (false, true) => limit,
            (false, false) => self.random.random_range(0..=limit),
        }
    }

    /// Parts that come to `total`.
    fn draw_parts(&mut self, total: u64, parts: u64) -> Vec<(Uuid, u64)> {
        let mut rest = total;
        (1..=parts)
            .rev()
            .map(|parts_left| {
                let fair = 2 * rest / parts_left;
                let shares = match parts_left {
                    1 => rest,
                    _ => self.random.random_range(0..=fair.min(rest)),
                };
                rest -= shares;
                (self.draw_id(), shares)
            })
            .collect()
    }

    fn draw_id(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl Iterator for Orders {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        let purchases = self.next_purchases()?;
        Some(self.draw(purchases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(amount: Amount, over_purchased: Option<&str>) -> OrderSettings {
        OrderSettings {
            seed: 7,
            amount,
            purchases: 4,
            over_purchased: over_purchased.map(|ratio| ratio.parse().unwrap()),
            clients: 3,
            stocks: 1,
        }
    }

    fn total(order: &Order) -> u64 {
        order.purchases.iter().map(|(_, shares)| shares).sum()
    }

    #[test]
    fn the_same_seed_draws_the_same_orders() {
        let draw = |seed| {
            let settings = OrderSettings {
                seed,
                ..settings(Amount::Orders(100), Some("0.1"))
            };
            Orders::new(settings).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn fewer_orders_are_the_first_of_more() {
        let few: Vec<_> = Orders::new(settings(Amount::Orders(10), None)).collect();
        let more: Vec<_> = Orders::new(settings(Amount::Orders(20), None)).collect();
        assert_eq!(few, more[..10]);
    }

    #[test]
    fn exactly_the_ratio_is_over_purchased_and_some_come_close() {
        let orders: Vec<_> = Orders::new(settings(Amount::Orders(1000), Some("0.29"))).collect();
        let count = |wanted: fn(&Order) -> bool| orders.iter().filter(|o| wanted(o)).count();
        assert_eq!(count(|order| total(order) > order.limit), 290);
        assert!(count(|order| total(order) == order.limit) > 20);
        assert!(count(|order| total(order) == order.limit + 1) > 10);
        assert!(count(|order| total(order) < order.limit) > 500);
    }

    #[test]
    fn amounts_are_those_of_the_script() {
        for order in Orders::new(settings(Amount::Orders(1000), None)) {
            assert!((50..=100).contains(&order.limit));
            assert_eq!(order.purchases.len(), 4);
            for (_, shares) in &order.purchases {
                assert!(*shares < order.limit / 2);
            }
        }
    }

    #[test]
    fn a_number_of_trades_is_met_exactly() {
        for trades in [0, 1, 4, 5, 6, 1003] {
            let orders = Orders::new(settings(Amount::Trades(trades), Some("1")));
            let found: u64 = orders.map(|order| 1 + order.purchases.len() as u64).sum();
            assert_eq!(found, trades);
        }
    }

    #[test]
    fn ids_are_random_uuids() {
        let order = Orders::new(settings(Amount::Endless, None)).next().unwrap();
        assert_eq!(order.id.get_version_num(), 4);
        assert_eq!(order.purchases[0].0.get_version_num(), 4);
    }
}
