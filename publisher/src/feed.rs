//! The trades of a run, one after the other, each when it is due.

use program::Fault;
use trade::{Purchase, Request, Trade, shard_of};
use uuid::Uuid;

use crate::disorder::{Disorder, Out};
use crate::expectation::Expectation;
use crate::mix::{Made, Mix};
use crate::pace::Schedule;
use crate::recording::{Kind, Line, Recording, Step};

/// Where trades come from.
pub(crate) enum Source {
    Made {
        mix: Box<Mix>,
        clients: Vec<String>,
        stocks: Vec<String>,
    },
    Recorded(Recording),
}

/// Puts a run together; what it holds is its settings.
pub(crate) struct Feed {
    pub(crate) source: Source,
    /// At most this many lines of a recording.
    pub(crate) most_lines: Option<u64>,
    pub(crate) disorder: Disorder<Item>,
    pub(crate) schedule: Schedule,
    /// Writes the due time of each synthetic trade into it, counted from here (microseconds
    /// since the epoch), instead of waiting for it.
    pub(crate) time_from_us: Option<i64>,
    /// Ends at this time, in microseconds since the start.
    pub(crate) until_us: Option<u64>,
    pub(crate) shards: u32,
    pub(crate) expectation: Option<Expectation>,
    pub(crate) state: State,
}

/// How far a feed is.
#[derive(Default)]
pub(crate) struct State {
    /// The next trade and when it is due.
    next: Option<(Out<Item>, u64)>,
    lines: u64,
    finished: bool,
    /// The trade given last, as JSON.
    json: Vec<u8>,
    counts: Counts,
}

/// What a feed has given.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// All of it, repeats and unreadable lines too.
    pub(crate) trades: u64,
    pub(crate) repeats: u64,
    /// Requests, repeats not counted.
    pub(crate) orders: u64,
    pub(crate) unreadable: u64,
}

/// A trade on its way.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Made(Made),
    Line(Line),
}

/// What a feed says when asked for the next trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is in [`Trades::json`](crate::trades::Trades::json).
    Trade(Given),
    /// Not before this time, in microseconds since the start.
    At(u64),
    /// When more lines have [arrived](crate::trades::Trades::arrived).
    Wait,
    /// There is none.
    End,
}

/// What is known of a trade that was given, besides its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) shard: u32,
    /// When it was due, in microseconds since the start.
    pub(crate) due_us: u64,
    /// Of a made-up purchase whose order is over-purchased.
    pub(crate) over: Option<Over>,
}

/// A purchase of an order that is over-purchased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) order_id: Uuid,
    pub(crate) purchase_id: Uuid,
    /// Whether it is the one that goes beyond the request, if all come in the order made.
    pub(crate) tips: bool,
}

/// What comes out of the disorder.
enum Pulled {
    Out(Out<Item>),
    Wait,
    End,
}

impl Feed {
    /// The next trade, if it is due at `now_us` (microseconds since the start).
    pub(crate) fn next(&mut self, now_us: u64) -> Result<Next, Fault> {
        if self.is_over(now_us) {
            return Ok(Next::End);
        }
        let (out, due_us) = match self.state.next.take() {
            Some(next) => next,
            None => match self.pull()? {
                Pulled::Out(out) => {
                    let recorded_us = match &out.item {
                        Item::Made(_) => None,
                        Item::Line(line) => line.time_us,
                    };
                    (out, self.schedule.next_due_us(recorded_us))
                }
                Pulled::Wait => return Ok(Next::Wait),
                Pulled::End => return Ok(Next::End),
            },
        };
        if due_us > now_us && self.time_from_us.is_none() {
            self.state.next = Some((out, due_us));
            return Ok(Next::At(due_us));
        }
        Ok(Next::Trade(Given {
            shard: self.give(&out, due_us),
            due_us,
            over: match &out.item {
                Item::Made(made) => made.over(),
                Item::Line(_) => None,
            },
        }))
    }

    /// Whether its time is over at `now_us`.
    pub(crate) fn is_over(&self, now_us: u64) -> bool {
        self.until_us.is_some_and(|until_us| now_us >= until_us)
    }

    /// The trade that was given last: one line, without a newline.
    pub(crate) fn json(&self) -> &[u8] {
        &self.state.json
    }

    /// Waits until [`Feed::next`] no longer says wait. Loses nothing if dropped.
    pub(crate) async fn arrived(&mut self) {
        if let Source::Recorded(recording) = &mut self.source {
            recording.arrived().await;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.counts
    }

    /// Pulls from the source until something comes out of the disorder.
    fn pull(&mut self) -> Result<Pulled, Fault> {
        loop {
            if let Some(out) = self.disorder.pop() {
                return Ok(Pulled::Out(out));
            }
            let taken = self.disorder.taken();
            let step = match &mut self.source {
                Source::Made { mix, .. } => mix.next().map(Item::Made),
                Source::Recorded(_) if self.most_lines == Some(self.state.lines) => None,
                Source::Recorded(recording) => match recording.next()? {
                    Step::Line(line) => {
                        self.state.lines += 1;
                        Some(Item::Line(line))
                    }
                    Step::Wait => return Ok(Pulled::Wait),
                    Step::End => None,
                },
            };
            match step {
                Some(item) => {
                    if let Some(expectation) = &mut self.expectation {
                        expectation.settle(taken);
                        if let Item::Made(made) = &item
                            && made.is_last
                        {
                            expectation.close_at(taken + self.disorder.latest(), made.order_id);
                        }
                    }
                    self.disorder.push(item);
                }
                None if self.state.finished => return Ok(Pulled::End),
                None => {
                    self.state.finished = true;
                    self.disorder.finish();
                }
            }
        }
    }

    /// Puts the trade's JSON where it is given out, counts it, and tells the oracle.
    fn give(&mut self, out: &Out<Item>, due_us: u64) -> u32 {
        let (is_request, is_unreadable, shard) = match &out.item {
            Item::Made(made) => (
                made.purchase_id.is_none(),
                false,
                self.give_made(made, due_us),
            ),
            Item::Line(line) => (
                line.kind == Kind::Request,
                line.kind == Kind::Unreadable,
                self.give_line(line),
            ),
        };
        let counts = &mut self.state.counts;
        counts.trades += 1;
        counts.repeats += u64::from(out.is_repeat);
        counts.orders += u64::from(is_request && !out.is_repeat);
        counts.unreadable += u64::from(is_unreadable);
        shard
    }

    fn give_line(&mut self, line: &Line) -> u32 {
        self.state.json.clear();
        self.state.json.extend_from_slice(&line.bytes);
        if let Some(expectation) = &mut self.expectation
            && line.kind != Kind::Unreadable
        {
            expectation.line(&line.bytes);
        }
        line.shard
    }

    fn give_made(&mut self, made: &Made, due_us: u64) -> u32 {
        let (client, stock) = match &self.source {
            Source::Made {
                clients, stocks, ..
            } => (name(clients, made.client), name(stocks, made.stock)),
            Source::Recorded(_) => ("", ""),
        };
        let (mut id_text, mut order_id_text) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        let order_id: &str = made.order_id.hyphenated().encode_lower(&mut order_id_text);
        let trade = match made.purchase_id {
            None => Trade::Request(Request {
                id: order_id.into(),
                shares: made.shares,
                client: client.into(),
                stock: stock.into(),
            }),
            Some(id) => {
                let id: &str = id.hyphenated().encode_lower(&mut id_text);
                Trade::Purchase(Purchase {
                    id: id.into(),
                    order_id: order_id.into(),
                    shares: made.shares,
                    client: client.into(),
                    stock: stock.into(),
                })
            }
        };
        let json = &mut self.state.json;
        json.clear();
        trade.write_json(json);
        if let Some(from_us) = self.time_from_us {
            json.pop();
            let due_us = i64::try_from(due_us).unwrap_or(i64::MAX);
            let time_us = from_us.saturating_add(due_us);
            json.extend_from_slice(format!(",\"time\":{time_us}}}").as_bytes());
        }
        if let Some(expectation) = &mut self.expectation {
            match &trade {
                Trade::Request(_) => expectation.request(order_id, made.shares, client, stock),
                Trade::Purchase(purchase) => {
                    expectation.purchase(order_id, &purchase.id, made.shares);
                }
            }
        }
        shard_of(order_id, self.shards)
    }
}

impl Made {
    fn over(&self) -> Option<Over> {
        let purchase_id = self.purchase_id.filter(|_| self.is_over)?;
        Some(Over {
            order_id: self.order_id,
            purchase_id,
            tips: self.tips,
        })
    }
}

fn name(names: &[String], index: u32) -> &str {
    names.get(index as usize).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use oracle::over_purchased;
    use serde_json::Value;

    use super::*;
    use crate::options::Options;
    use crate::settings::Settings;

    fn feed(options: &[&str]) -> Feed {
        let options = Options::try_parse_from([&["publisher"], options].concat()).unwrap();
        let settings = Settings::resolve(&options).unwrap();
        settings.feed(&options, 4).unwrap()
    }

    /// The first `most` trades, due or not.
    fn lines(feed: &mut Feed, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < most {
            match feed.next(u64::MAX - 1).unwrap() {
                Next::Trade(Given { shard, .. }) => {
                    let line = String::from_utf8(feed.json().to_vec()).unwrap();
                    let trade = trade::read(line.as_bytes()).unwrap();
                    assert_eq!(shard, shard_of(trade.order_id(), 4));
                    lines.push(line);
                }
                Next::End => break,
                other => panic!("{other:?}"),
            }
        }
        lines
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let run = |seed| {
            let options = ["--trades", "5k", "--shuffle", "20", "--duplicate", "5%"];
            lines(
                &mut feed(&[&options[..], &["--seed", seed]].concat()),
                usize::MAX,
            )
        };
        assert_eq!(run("7"), run("7"));
        assert_ne!(run("7"), run("8"));
    }

    #[test]
    fn disorder_and_rate_change_the_order_of_trades_only() {
        let run = |options: &[&str]| {
            let mut lines = lines(
                &mut feed(&[&["--trades", "5k", "--seed", "7"], options].concat()),
                usize::MAX,
            );
            lines.sort();
            lines.dedup();
            lines
        };
        let plain = run(&[]);
        assert_eq!(plain.len(), 5000);
        assert_eq!(run(&["--rate", "10"]), plain);
        assert_eq!(
            run(&[
                "--open-orders",
                "7",
                "--shuffle",
                "99",
                "--duplicate",
                "0.1"
            ]),
            plain
        );
    }

    #[test]
    fn what_is_expected_is_what_the_trades_given_say() {
        let options = [
            "--orders",
            "2k",
            "--seed",
            "7",
            "--over-purchased",
            "5%",
            "--shuffle",
            "300",
            "--duplicate",
            "10%",
            "--clients",
            "3",
            "--stocks",
            "AAPL,IBM",
            "--expect",
            "-",
        ];
        for most in [usize::MAX, 5000, 1, 0] {
            let mut feed = feed(&options);
            let trades: Vec<Value> = lines(&mut feed, most)
                .iter()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let (count, expected) = feed.expectation.unwrap().into_expected();
            let expected = expected.unwrap();
            assert_eq!(count, expected.len() as u64);
            assert_eq!(expected, over_purchased(&trades), "after {most} trades");
            if most == usize::MAX {
                assert_eq!(expected.len(), 100);
            }
        }
    }

    #[test]
    fn the_oracle_remembers_open_orders_only() {
        let mut feed = feed(&["--orders", "5k", "--seed", "7", "--open-orders", "50"]);
        lines(&mut feed, 20_000);
        let open = feed.expectation.unwrap().open_orders();
        assert!((40..=60).contains(&open), "{open}");
    }

    #[test]
    fn counts_tell_repeats_from_trades() {
        let mut feed = feed(&["--orders", "1k", "--seed", "7", "--duplicate", "10%"]);
        let given = lines(&mut feed, usize::MAX).len() as u64;
        let counts = feed.counts();
        assert_eq!(counts.trades, given);
        assert_eq!(counts.trades - counts.repeats, 5000);
        assert_eq!(counts.orders, 1000);
    }

    #[test]
    fn nothing_is_given_before_it_is_due() {
        let mut feed = feed(&["--rate", "1k", "--orders", "10"]);
        assert!(matches!(feed.next(0), Ok(Next::Trade { .. })));
        assert!(matches!(feed.next(999), Ok(Next::At(1000))));
        assert!(matches!(feed.next(1000), Ok(Next::Trade { .. })));
        assert!(matches!(feed.next(1000), Ok(Next::At(2000))));
    }

    #[test]
    fn written_trades_can_carry_their_due_times() {
        let mut feed = feed(&[
            "--output",
            "-",
            "--trades",
            "2",
            "--rate",
            "10",
            "--time-from",
            "1970-01-01T00:00:01Z",
        ]);
        let times: Vec<_> = lines(&mut feed, usize::MAX)
            .iter()
            .map(|line| trade::read_recorded(line.as_bytes()).unwrap().1)
            .collect();
        assert_eq!(times, [Some(1_000_000), Some(1_100_000)]);
    }
}
