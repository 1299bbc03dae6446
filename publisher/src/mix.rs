//! Many orders at a time: their trades run through each other.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::orders::{Order, Orders};

/// Keeps the choice among open orders apart from what the orders are like: the same seed
/// gives the same orders however they are mixed.
const STREAM: u64 = 1;

/// One synthetic trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) order_id: Uuid,
    pub(crate) client: u32,
    pub(crate) stock: u32,
    pub(crate) shares: u64,
    /// The purchase's id; a request has none.
    pub(crate) purchase_id: Option<Uuid>,
    /// Whether it is the last one of its order.
    pub(crate) is_last: bool,
    /// Whether all purchases of its order come to more than the request.
    pub(crate) is_over: bool,
    /// Whether it is the purchase, in the order in which they are made, that goes beyond.
    pub(crate) tips: bool,
}

/// Takes the open orders in rounds: in each, every open order gives its next trade, in random
/// order. So the trades of an order, request first, lie within as many trades as
/// `(purchases + 1) x open orders`.
#[derive(Debug)]
pub(crate) struct Mix {
    orders: Orders,
    random: ChaCha8Rng,
    most_open: usize,
    opened_per_round: usize,
    open: Vec<Open>,
    /// The place in the round.
    at: usize,
}

#[derive(Debug)]
struct Open {
    order: Order,
    /// Trades that it has given.
    given: usize,
    /// Shares of the purchases given.
    purchased: u64,
    is_over: bool,
}

impl Mix {
    /// Keeps up to `most_open` orders (at least 1) open at a time, of `purchases` each.
    pub(crate) fn new(orders: Orders, seed: u64, most_open: usize, purchases: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(STREAM);
        Self {
            orders,
            random,
            most_open: most_open.max(1),
            // As many as end in a round, so that at any time orders of all ages are open.
            opened_per_round: most_open.div_ceil(purchases + 1).max(1),
            open: Vec::new(),
            at: 0,
        }
    }

    fn begin_round(&mut self) {
        self.open.retain(|open| !open.is_done());
        let room = self.most_open.saturating_sub(self.open.len());
        let new = self.orders.by_ref().take(room.min(self.opened_per_round));
        self.open.extend(new.map(Open::new));
        self.at = 0;
    }
}

impl Iterator for Mix {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        if self.at == self.open.len() {
            self.begin_round();
        }
        if self.at < self.open.len() {
            let pick = self.random.random_range(self.at..self.open.len());
            self.open.swap(self.at, pick);
        }
        let made = self.open.get_mut(self.at)?.give();
        self.at += 1;
        Some(made)
    }
}

impl Open {
    fn new(order: Order) -> Self {
        let total: u64 = order.purchases.iter().map(|(_, shares)| shares).sum();
        Self {
            is_over: total > order.limit,
            order,
            given: 0,
            purchased: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.given > self.order.purchases.len()
    }

    fn give(&mut self) -> Made {
        let purchase = self
            .given
            .checked_sub(1)
            .and_then(|index| self.order.purchases.get(index));
        self.given += 1;
        let before = self.purchased;
        self.purchased += purchase.map_or(0, |(_, shares)| *shares);
        Made {
            order_id: self.order.id,
            client: self.order.client,
            stock: self.order.stock,
            shares: purchase.map_or(self.order.limit, |(_, shares)| *shares),
            purchase_id: purchase.map(|(id, _)| *id),
            is_last: self.is_done(),
            is_over: self.is_over,
            tips: before <= self.order.limit && self.purchased > self.order.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::orders::{Amount, OrderSettings};

    fn mix(orders: u64, most_open: usize) -> Vec<Made> {
        let orders = Orders::new(OrderSettings {
            seed: 7,
            amount: Amount::Orders(orders),
            purchases: 4,
            over_purchased: None,
            clients: 1,
            stocks: 1,
        });
        Mix::new(orders, 7, most_open, 4).collect()
    }

    fn places(made: &[Made]) -> BTreeMap<Uuid, Vec<usize>> {
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for (place, trade) in made.iter().enumerate() {
            places.entry(trade.order_id).or_default().push(place);
        }
        places
    }

    #[test]
    fn one_open_order_comes_after_the_other() {
        let made = mix(3, 1);
        assert_eq!(made.len(), 15);
        for order in made.chunks(5) {
            assert!(
                order
                    .iter()
                    .all(|trade| trade.order_id == order[0].order_id)
            );
            assert_eq!(order[0].purchase_id, None);
            assert!(order[1..].iter().all(|trade| trade.purchase_id.is_some()));
            assert_eq!(order.iter().position(|trade| trade.is_last), Some(4));
        }
    }

    #[test]
    fn many_open_orders_run_through_each_other_and_stay_close() {
        let made = mix(2000, 100);
        assert_eq!(made.len(), 10_000);
        let mut mixed = 0;
        for (order, places) in places(&made) {
            assert_eq!(places.len(), 5);
            let (first, last) = (places[0], places[4]);
            assert_eq!(made[first].purchase_id, None);
            assert!(last - first < 500, "order {order} spans {}", last - first);
            mixed += usize::from(last - first > 100);
        }
        assert!(mixed > 1900, "{mixed} of 2000 orders are mixed with others");
    }

    #[test]
    fn one_purchase_tips_an_over_purchased_order() {
        let orders = Orders::new(OrderSettings {
            seed: 7,
            amount: Amount::Orders(500),
            purchases: 4,
            over_purchased: "10%".parse().ok(),
            clients: 1,
            stocks: 1,
        });
        let (mut tipped, mut over) = (BTreeMap::new(), BTreeMap::new());
        let mut bought = BTreeMap::<_, (u64, u64)>::new();
        for made in Mix::new(orders, 7, 50, 4) {
            let (limit, purchased) = bought.entry(made.order_id).or_default();
            match made.purchase_id {
                None => *limit = made.shares,
                Some(_) => *purchased += made.shares,
            }
            let is_first_beyond = *purchased > *limit && !tipped.contains_key(&made.order_id);
            assert_eq!(made.tips, is_first_beyond);
            if made.tips {
                tipped.insert(made.order_id, made.purchase_id);
            }
            if made.is_over {
                over.insert(made.order_id, ());
            }
        }
        assert_eq!(over.len(), 50);
        assert!(tipped.keys().eq(over.keys()));
    }

    #[test]
    fn however_mixed_the_trades_are_the_same() {
        let sorted = |most_open| {
            let mut made = mix(200, most_open);
            made.sort_by_key(|trade| (trade.order_id, trade.purchase_id));
            made
        };
        assert_eq!(sorted(1), sorted(50));
    }
}
