//! From a row to what it means.

use tokio_postgres::Row;

use super::group::Ran;
use crate::entry::{Claim, Dead, Doubt, Entry, Grave, Standing, State, Ticket};

/// A count that the tables keep as a bigint.
fn count(row: &Row, column: usize) -> Ran<u32> {
    let count: i64 = row.try_get(column)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A word that the tables' own check allows.
pub(super) fn state(row: &Row, column: usize) -> Ran<State> {
    let word: &str = row.try_get(column)?;
    Ok(word.parse().unwrap_or(State::InDoubt))
}

pub(super) fn ticket(row: &Row) -> Ran<Ticket> {
    Ok(Ticket {
        seq: row.try_get(0)?,
        fence: row.try_get(1)?,
    })
}

pub(super) fn claim(row: &Row) -> Ran<Claim> {
    Ok(Claim {
        ticket: ticket(row)?,
        alert: row.try_get(2)?,
        recipient: row.try_get(3)?,
        attempts: count(row, 4)?,
        created_ms: row.try_get(5)?,
        first_try_ms: row.try_get(6)?,
        digest: row.try_get(7)?,
        payload: row.try_get(8)?,
    })
}

pub(super) fn doubt(row: &Row) -> Ran<Doubt> {
    Ok(Doubt {
        ticket: ticket(row)?,
        alert: row.try_get(2)?,
        recipient: row.try_get(3)?,
        payload: row.try_get(4)?,
        attempts: count(row, 5)?,
        created_ms: row.try_get(6)?,
        first_try_ms: row.try_get(7)?,
        digest: row.try_get(8)?,
        refused: row.try_get(9)?,
        note: row.try_get(10)?,
    })
}

pub(super) fn entry(row: &Row) -> Ran<Entry> {
    Ok(Entry {
        alert: row.try_get(0)?,
        channel: row.try_get(1)?,
        recipient: row.try_get(2)?,
        state: state(row, 3)?,
        attempts: count(row, 4)?,
        conflicts: count(row, 5)?,
        doubted: row.try_get(6)?,
        digest: row.try_get(7)?,
        due_ms: row.try_get(8)?,
        created_ms: row.try_get(9)?,
        updated_ms: row.try_get(10)?,
        first_try_ms: row.try_get(11)?,
        note: row.try_get(12)?,
    })
}

pub(super) fn dead(row: &Row) -> Ran<Dead> {
    Ok(Dead {
        entry: entry(row)?,
        grave: Grave {
            seq: row.try_get(13)?,
            burial: count(row, 14)?,
        },
        payload: row.try_get(15)?,
    })
}

pub(super) fn standing(row: &Row) -> Ran<Standing> {
    let number = |column| Ok(row.try_get::<_, i64>(column)?.unsigned_abs());
    Ok(Standing {
        channel: row.try_get(0)?,
        open: number(1)?,
        in_doubt: number(2)?,
    })
}
