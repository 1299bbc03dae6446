//! How many bytes an open book takes: `cargo run --release -p book --example memory [BOOKS..]`
//!
//! Each book has a request and four purchases under UUIDs, clients and stocks among a hundred.
//! What is counted is the process's resident memory before and after, allocator and all. The
//! longest pause is the time that the slowest order's five trades took: all others wait behind it.

#![allow(clippy::disallowed_types, reason = "a measurement needs a clock")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use book::{Books, Moment, Settings};
use trade::{Purchase, Request, Trade};

const PURCHASES: u64 = 4;

fn main() -> ExitCode {
    let asked: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|count| count.parse().ok())
        .collect();
    let counts = if asked.is_empty() {
        vec![10_000, 100_000, 1_000_000]
    } else {
        asked
    };
    println!(
        "{:>12} {:>12} {:>12} {:>14} {:>17}",
        "books", "MiB", "bytes/book", "trades/s", "longest pause us"
    );
    for count in counts {
        let before = resident_bytes();
        let began = Instant::now();
        let (books, longest) = open(count);
        let took = began.elapsed().as_secs_f64();
        let bytes = resident_bytes().saturating_sub(before);
        println!(
            "{:>12} {:>12.1} {:>12.1} {:>14.0} {:>17}",
            books.len(),
            bytes as f64 / f64::from(1 << 20),
            bytes as f64 / count as f64,
            (count * (PURCHASES + 1)) as f64 / took,
            longest.as_micros()
        );
        drop(books);
    }
    ExitCode::SUCCESS
}

fn open(count: u64) -> (Books, Duration) {
    let mut longest = Duration::ZERO;
    let mut books = Books::new(Settings {
        ttl_us: i64::MAX,
        max_books: usize::MAX,
        hash_seed: 7,
    });
    for order in 0..count {
        let moment = Moment {
            offset: order,
            time_us: Some(1),
            begin_us: 1,
            replayed: false,
        };
        let order_id = uuid(order, 0);
        let client = format!("Client-{}", order % 100);
        let stock = format!("Stock-{}", order % 97);
        let request = Trade::Request(Request {
            id: order_id.as_str().into(),
            shares: 1000,
            client: client.as_str().into(),
            stock: stock.as_str().into(),
        });
        let purchases = (1..=PURCHASES).map(|purchase| {
            Trade::Purchase(Purchase {
                id: uuid(order, purchase).into(),
                order_id: order_id.as_str().into(),
                shares: 100,
                client: client.as_str().into(),
                stock: stock.as_str().into(),
            })
        });
        let trades: Vec<_> = std::iter::once(request).chain(purchases).collect();
        let began = Instant::now();
        for trade in &trades {
            let _ = books.apply(trade, &moment);
        }
        longest = longest.max(began.elapsed());
    }
    (books, longest)
}

/// A UUID in its usual form, spread over the key space.
fn uuid(order: u64, purchase: u64) -> String {
    let spread = order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text = format!("{spread:016x}{:016x}", order << 8 | purchase);
    let (a, b, c, d, e) = (
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The resident set of this process, from the kernel's own count.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
