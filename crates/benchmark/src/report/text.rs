//! The words of the page that are the same in every run.

pub(crate) const TARGETS: &str = "\
Medians over the repeats, in brackets how far they moved. \"To the limit\" is the same value, or
rate, divided by that of the limit in the same repeat: the real publisher with a plain consumer
in the auditor's place. A latency of 1.5 to the limit is half as much again; a rate of 0.8 is a
fifth less.";

pub(crate) const STREAMS: &str = "\
*Pipeline* is the real publisher, the broker, one real auditor that owns all shards, with its
books, tokens, alerts and confirms, and the consumer of a channel's queue. *Limit* is the same
with a plain consumer instead of the auditor: it parses each trade, keeps no book, and publishes
an alert for those trades that the publisher tells it tip an order. So the same alerts go the same
way, and what is between the two is what Aldebaran costs. Milliseconds from the moment at which the
purchase that tips an order was due until its alert is received. At saturation there is no
schedule: the publisher sends as fast as the broker confirms, but no more while 1,000 alerts are
awaited, those of half a million trades. So the rate is one that whoever reads keeps up with. A trade
counts as due when it is made, so those latencies tell how long the queues within are and are no
answer time. There is one shard; a message is sent with what came within one
and a half milliseconds, 1,024 trades or 128 KiB at most.";

pub(crate) const SLOW: &str = "\
Whether the machine itself is equally fast all the time. A thread walks over 32 MiB of memory during
each run that has a schedule: 2,048 cache lines every two milliseconds, timed in its own processor
time, so that waiting for a core does not count. A walk is slow if it takes three times as long as
the usual one of its run. By itself a slow walk does not tell whose doing it was: the same walk with
nothing of ours running, *by itself* at the top of this page, tells what is not ours. *Alerts then*
were due up to 80 ms behind a slow walk, until the queues of such a moment are empty again, or 10 ms
before it; the next quantiles are of *the others*. *Control* is the same as if slow walks had been
600 ms later: where the p99 of the others is no better than that, slow moments explain nothing. The
walk itself takes some 3% of a core, which counts among *others* below.";

pub(crate) const STEPS: &str = "\
p50 / p99 in milliseconds, medians over the repeats. From due to publish is what the publisher
itself is late, packing and a full window included; from publish to confirm is a message's; from
publish to read, from alert to received and from publish to alert are those of alerts. A dash: the
program that stood there told nothing of it.";

pub(crate) const CPU: &str = "\
Cores used on average from the start of a run to its last alert and the second after it. Everything
shares the machine, the publisher that measures too: what it uses is missing elsewhere. *Others* is
everything on the machine that is no part of the run, the kernel's own threads included; *stolen* is
what the host gave away. Changes of thread are those of the whole machine.";

pub(crate) const RAW: &str = "\
The client library by itself: ready-made messages published with 256 unconfirmed at a time, as
fast as the broker confirms, to nobody and to the plain consumer. No schedule, no histograms, no
oracle: what is between this and the limit above is what measuring costs, and waiting for alerts.";

pub(crate) const UNPACKED: &str = "\
Straight to the shards at saturation, the real publisher and auditor against plain lapin with its
plain consumer. Here a trade is a message.";

pub(crate) const DOOR: &str = "\
Into `Aldebaran.Trade_Data`, a quorum queue, and through the router of an auditor into the shards
that the same auditor reads, at saturation. *pika* is an auditor in Python as the challenge's own
scripts suggest it (`tests/peers/pika_auditor.py`): it consumes the front door by itself, under the
same load, and keeps its books in memory only, where kill -9 loses them.";

pub(crate) const SHARDS: &str = "\
The pipeline at saturation with one auditor. More shards make smaller messages at the same rate;
they pay where there are more cores than here to share them.";

pub(crate) const FILE: &str = "\
The same file for all, each compared with the same expected alerts. The auditor is bound to one
core; the others may use all of the machine. The time that a program needs to start is measured
with a file of a single trade, and taken off.";

pub(crate) const MEMORY: &str = "\
Of a real auditor that reads trades from a pipe and ends no book: its resident memory at the peak,
over that of one with a single book. A book has a request and four purchases. Fewer books take more
each, because memory comes in huge pages. Measured once.";

pub(crate) const HOW: &str = "\
- Each run has a vhost of its own on a broker of this run's own; nothing is left of the run before.
  The topology is the repository's with one channel, declared by `declare apply`.
- Rounds: every case is measured once, then every case again. A slow minute of the machine is a
  spread, and hits a case and its limit alike. Ratios are taken within a round.
- The schedule is fixed before a run and latencies begin at the moment a trade was due, so a
  stalled broker or publisher shows in every trade that it held up. Every latency is in an HDR
  histogram of three digits. The warm-up is left out.
- From due to alert is measured by one process on one monotonic clock. The steps between processes
  use the machine's time of day, which all of them share.
- Latencies to the alert are of alerts, as many as their column says: the p99.9 of 3,000 rests on
  three of them.
- Alerts are compared one by one with those that an independent oracle expects of the trades that
  were really sent. A run with one missing, doubled or invented fails, and its figures do not count.
- RabbitMQ runs with its schedulers' busy waiting off, and as it comes otherwise.
- `cargo bench -p trade` and `cargo bench -p book` measure parsing, packing, hashing and the books
  by themselves.";
