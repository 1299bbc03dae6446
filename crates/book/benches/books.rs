//! What a trade costs in the books, beyond reading it. `cargo bench -p book`

use std::hint::black_box;

use book::{Books, Key, Moment, Settings};
use criterion::{BatchSize, Criterion, Throughput};
use trade::{Purchase, Request, Trade};

const PURCHASES: u64 = 4;

/// Orders that are opened in one go.
const ORDERS: u64 = 1000;

/// Orders whose trades are mixed.
const MIXED: u64 = 50_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    applying(&mut criterion);
    mixing(&mut criterion);
    repeating(&mut criterion);
    criterion.final_summary();
}

/// Whole orders, in books that were empty before and in books that are many.
fn applying(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Elements(ORDERS * (PURCHASES + 1)));
    let fresh = trades(0, ORDERS);
    group.bench_function("to empty books", |bench| {
        bench.iter_batched_ref(
            || books(i64::MAX),
            |books| apply(books, &fresh, 1),
            BatchSize::LargeInput,
        );
    });

    // A book ends as another one is opened, so that there are always as many.
    let ttl_us = 1000;
    let mut full = books(ttl_us);
    let mut now_us = 1;
    let mut first = 0;
    let mut next = move || {
        first += ORDERS;
        trades(first, ORDERS)
    };
    for _ in 0..ttl_us {
        now_us += 1;
        apply(&mut full, &next(), now_us);
    }
    group.bench_function("to a million open books", |bench| {
        bench.iter_batched(
            &mut next,
            |trades| {
                now_us += 1;
                full.end_due(now_us, &mut Vec::new());
                apply(&mut full, &trades, now_us)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// Trades of many orders, mixed: one by one, and with their books brought together first.
fn mixing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mixed trades, a million open books");
    group.throughput(Throughput::Elements(MIXED * (PURCHASES + 1)));
    group.sample_size(10);
    for (name, together) in [("one by one", 1), ("64 together", 64)] {
        // A book ends as another one is opened, so that there are always as many.
        let ttl_us = 20;
        let mut full = books(ttl_us);
        let mut now_us = 1_i64;
        let mut next = move || {
            now_us += 1;
            (now_us, mixed(now_us.unsigned_abs() * MIXED))
        };
        for _ in 0..ttl_us {
            let (now_us, trades) = next();
            apply(&mut full, &trades, now_us);
        }
        let mut keys = Vec::new();
        group.bench_function(name, |bench| {
            bench.iter_batched(
                &mut next,
                |(now_us, trades)| {
                    end_all_due(&mut full, now_us);
                    for trades in trades.chunks(together) {
                        apply_together(&mut full, trades, &mut keys, now_us);
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// All requests, then all first purchases, and so on.
fn mixed(first: u64) -> Vec<Trade<'static>> {
    let whole = trades(first, MIXED);
    let of_an_order = PURCHASES as usize + 1;
    let rounds = 0..of_an_order;
    let mixed = rounds.flat_map(|nth| whole.iter().skip(nth).step_by(of_an_order));
    mixed.cloned().collect()
}

fn end_all_due(books: &mut Books, now_us: i64) {
    let mut before = usize::MAX;
    while books.len() < before {
        before = books.len();
        books.end_due(now_us, &mut Vec::new());
    }
}

fn apply_together(books: &mut Books, trades: &[Trade<'_>], keys: &mut Vec<Key>, time_us: i64) {
    if let [_] = trades {
        black_box(apply(books, trades, time_us));
        return;
    }
    books.bring(trades.iter().map(Some), keys);
    for (trade, key) in trades.iter().zip(keys) {
        let _ = black_box(books.apply_at(key, trade, &at(time_us)));
    }
}

/// Trades that came before.
fn repeating(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("repeat");
    group.throughput(Throughput::Elements(ORDERS * (PURCHASES + 1)));
    let trades = trades(0, ORDERS);
    let mut books = books(i64::MAX);
    apply(&mut books, &trades, 1);
    group.bench_function("trades that came before", |bench| {
        bench.iter(|| apply(&mut books, black_box(&trades), 1));
    });
    group.finish();
}

fn books(ttl_us: i64) -> Books {
    Books::new(Settings {
        ttl_us,
        max_books: usize::MAX,
        hash_seed: 7,
    })
}

fn at(time_us: i64) -> Moment {
    Moment {
        offset: time_us.unsigned_abs(),
        time_us: Some(time_us),
        begin_us: time_us,
        replayed: false,
    }
}

/// Gives how many alerts came.
fn apply(books: &mut Books, trades: &[Trade<'_>], time_us: i64) -> usize {
    let moment = at(time_us);
    let mut alerts = 0;
    for trade in trades {
        alerts += usize::from(
            books
                .apply(trade, &moment)
                .is_ok_and(|alert| alert.is_some()),
        );
    }
    alerts
}

/// Orders with four purchases; one in a hundred is over-purchased.
fn trades(first: u64, orders: u64) -> Vec<Trade<'static>> {
    let trade = |order: u64, purchase: u64| match purchase {
        0 => Trade::Request(Request {
            id: uuid(order, 0).into(),
            shares: if order.is_multiple_of(100) { 399 } else { 400 },
            client: "Goldman".into(),
            stock: "AAPL".into(),
        }),
        _ => Trade::Purchase(Purchase {
            id: uuid(order, purchase).into(),
            order_id: uuid(order, 0).into(),
            shares: 100,
            client: "Goldman".into(),
            stock: "AAPL".into(),
        }),
    };
    let orders = first..first + orders;
    let trades =
        orders.flat_map(|order| (0..=PURCHASES).map(move |purchase| trade(order, purchase)));
    trades.collect()
}

/// A UUID in its usual form, spread over the key space.
fn uuid(order: u64, purchase: u64) -> String {
    let spread = order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (a, b, c) = (spread >> 32, (spread >> 16) & 0xffff, spread & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-8000-{purchase:04x}{order:08x}")
}
