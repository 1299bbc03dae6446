//! A ledger that has delivered much before.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::load::{alert, now_us};

/// Writes so many delivered entries into a ledger that nobody has open, in one transaction.
pub(crate) fn delivered(ledger: &Path, channel: &str, entries: u64) -> Result<()> {
    let begun = Instant::now();
    let mut connection = Connection::open(ledger)?;
    let transaction = connection.transaction()?;
    let (now_ms, payload) = (now_us() / 1000, alert(0).to_json());
    // In the order of the alerts' ids, as its index wants them.
    transaction.execute(
        "INSERT INTO delivery (alert, channel, recipient, state, due_ms, fence, attempts,
             created_ms, updated_ms, first_try_ms, note, payload_hash)
         WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
         SELECT lower(hex(randomblob(18))) AS alert, ?2, 'endpoint', 'delivered', ?3, 1, 1,
             ?3, ?3, ?3, 'answered 200', randomblob(32) FROM number ORDER BY alert",
        params![i64::try_from(entries)?, channel, now_ms],
    )?;
    transaction.execute(
        "INSERT INTO letter (seq, payload) SELECT seq, ?1 FROM delivery",
        params![payload],
    )?;
    transaction.commit()?;
    println!("filled the ledger in {} s", begun.elapsed().as_secs());
    Ok(())
}
