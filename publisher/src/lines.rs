//! From the feed to a file, without a broker.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use program::Fault;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::feed::{Feed, Next};
use crate::observer::Observer;
use crate::watch::Watch;

/// How many trades are written between looks at `stop` and at the clock.
const BURST: usize = 4096;

/// Writes trades, one a line, until the feed ends or `stop` is cancelled. `-` is standard
/// output; that nobody reads it any more is an end like any other.
pub(crate) async fn write(
    feed: &mut Feed,
    path: &Path,
    observer: &mut Observer,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let out: Box<dyn Write + Send> = if path == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(File::create(path).with_context(|| format!("create {}", path.display()))?)
    };
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let written = loop {
        if stop.is_cancelled() {
            break out.flush();
        }
        let now_us = observer.now_us();
        match burst(feed, now_us, &mut out)? {
            Ok(Next::End) => break out.flush(),
            Ok(Next::Wait) => {
                if let Err(error) = out.flush() {
                    break Err(error);
                }
                let until_us = feed.until_us;
                tokio::select! {
                    () = feed.arrived() => {}
                    () = sleep_until(observer.start(), until_us), if until_us.is_some() => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
        let _ = observer.pause(feed.counts(), now_us);
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.with_context(|| format!("write {}", path.display()))?),
    }
}

/// Waits until `until_us` microseconds after the start, or up to a millisecond longer.
async fn sleep_until(start: Instant, until_us: Option<u64>) {
    tokio::time::sleep_until(start + Duration::from_micros(until_us.unwrap_or(0))).await;
}

/// Writes some trades; gives what the feed said last.
fn burst(feed: &mut Feed, now_us: u64, out: &mut impl Write) -> Result<io::Result<Next>, Fault> {
    let mut next = Next::Wait;
    for _ in 0..BURST {
        next = feed.next(now_us)?;
        if !matches!(next, Next::Trade { .. }) {
            break;
        }
        let written = out
            .write_all(feed.json())
            .and_then(|()| out.write_all(b"\n"));
        if let Err(error) = written {
            return Ok(Err(error));
        }
    }
    Ok(Ok(next))
}
