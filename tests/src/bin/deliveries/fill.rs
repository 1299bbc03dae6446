//! A ledger that has delivered much before.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::load::{alert, now_us};

/// Writes so many delivered entries into a ledger that nobody has open, in the order of no id, as
/// they come: so the pages of the ids' index have room, as those of a real ledger do. Fast, and
/// for a file that may as well be made anew: a crash in the middle leaves it damaged.
pub(crate) fn delivered(ledger: &Path, channel: &str, entries: u64) -> Result<()> {
    let begun = Instant::now();
    let mut connection = Connection::open(ledger)?;
    for (pragma, value) in [
        ("journal_mode", "off"),
        ("synchronous", "off"),
        ("cache_size", "-4000000"),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    let transaction = connection.transaction()?;
    let (now_ms, payload) = (now_us() / 1000, alert(0).to_json());
    transaction.execute(
        "INSERT INTO delivery (id_hash, alert, channel, recipient, state, due_ms, fence, attempts,
             created_ms, updated_ms, first_try_ms, note, payload_hash)
         WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
         SELECT random(), format('00000000-0000-5000-8000-%012x', n), ?2, 'endpoint',
             'delivered', ?3, 1, 1, ?3, ?3, ?3, 'answered 200', randomblob(32) FROM number",
        params![i64::try_from(entries)?, channel, now_ms],
    )?;
    transaction.execute(
        "INSERT INTO letter (seq, payload) SELECT seq, ?1 FROM delivery ORDER BY seq",
        params![payload],
    )?;
    transaction.commit()?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    drop(connection);
    // What was delivered before is long on the disk.
    File::open(ledger)?.sync_all()?;
    println!(
        "filled the ledger in {} s: {} MB",
        begun.elapsed().as_secs(),
        ledger.metadata()?.len() / 1_000_000
    );
    Ok(())
}
