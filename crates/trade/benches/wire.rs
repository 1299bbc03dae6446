//! What a trade costs on the wire: reading it, finding its shard, packing it.
//! `cargo bench -p trade`

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use trade::pack::{Limits, Packer};
use trade::{read, read_batch, shard_of};

const SHARDS: u32 = 4;
const BATCH: usize = 128;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    reading(&mut criterion);
    sharding(&mut criterion);
    packing(&mut criterion);
    criterion.final_summary();
}

fn reading(criterion: &mut Criterion) {
    let trades = trades(BATCH);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    let [request, purchase] = [&trades[0], &trades[1]];
    group.bench_function("request", |bench| bench.iter(|| read(black_box(request))));
    group.bench_function("purchase", |bench| bench.iter(|| read(black_box(purchase))));
    for (name, line) in written_otherwise(purchase) {
        group.bench_function(name, |bench| bench.iter(|| read(black_box(&line))));
    }
    group.throughput(Throughput::Elements(BATCH as u64));
    let batch = trades.join(&b'\n');
    group.bench_function("batch of 128", |bench| {
        bench.iter(|| {
            let items = read_batch(black_box(&batch));
            items.filter(|item| item.trade.is_ok()).count()
        });
    });
    group.finish();
}

/// The same trade with white space, which is plain too, and in ways that need the general reader:
/// found out late, found out early, and cut off.
fn written_otherwise(trade: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let text = String::from_utf8_lossy(trade);
    [
        (
            "purchase, spaced",
            text.replace(':', ": ").replace(',', ", "),
        ),
        (
            "purchase, odd at its end",
            text.replace("AAPL", "A\\u0041PL"),
        ),
        (
            "purchase, odd at its begin",
            text.replace('{', "{\"more\":1,"),
        ),
        ("purchase, cut off", text.replace('}', "")),
    ]
    .map(|(name, text)| (name, text.into_bytes()))
}

fn sharding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shard");
    group.throughput(Throughput::Elements(1));
    let order = uuid(7, 0);
    group.bench_function("of an order", |bench| {
        bench.iter(|| shard_of(black_box(&order), SHARDS));
    });
    group.finish();
}

fn packing(criterion: &mut Criterion) {
    let trades = trades(BATCH * SHARDS as usize);
    let limits = Limits {
        trades: BATCH,
        bytes: 1 << 17,
        linger_us: 1000,
    };
    let mut packer = Packer::new(SHARDS, limits);
    let mut group = criterion.benchmark_group("pack");
    group.throughput(Throughput::Elements(trades.len() as u64));
    group.bench_function("128 to a message", |bench| {
        bench.iter(|| {
            let mut messages = 0;
            for (shard, trade) in (0..SHARDS).cycle().zip(&trades) {
                messages += usize::from(packer.push(shard, trade, 0_u64, 0).is_some());
            }
            messages
        });
    });
    group.finish();
}

/// A request and four purchases, again and again.
fn trades(count: usize) -> Vec<Vec<u8>> {
    let trade = |number: u64| {
        let (order, purchase) = (number / 5, number % 5);
        let (id, of) = (uuid(order, purchase), uuid(order, 0));
        let of = match purchase {
            0 => String::new(),
            _ => format!(r#""initial_order_id":"{of}","#),
        };
        format!(r##"{{"id":"{id}",{of}"#shares":90,"client":"Goldman","stock":"AAPL"}}"##)
    };
    (0..count as u64)
        .map(|number| trade(number).into_bytes())
        .collect()
}

/// A UUID in its usual form.
fn uuid(order: u64, purchase: u64) -> String {
    let spread = order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (a, b, c) = (spread >> 32, (spread >> 16) & 0xffff, spread & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-8000-{purchase:04x}{order:08x}")
}
