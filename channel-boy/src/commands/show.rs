//! Answers on standard output: tables for people, JSON for programs.

use std::io::{self, Write};

use anyhow::anyhow;
use ledger::{Decision, Entry, Ledger};
use program::Fault;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Format;
use crate::wording::one_line;

/// Of the JSON. It grows when the meaning of something in it changes, not when something is
/// added.
const VERSION: u32 = 1;

/// Writes entries, a line each.
pub(super) fn entries(entries: &[Entry], format: Format) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    let written = match format {
        Format::Table => table(&mut out, entries),
        Format::Json => {
            let entries: Vec<Value> = entries.iter().map(object).collect();
            writeln!(
                out,
                "{:#}",
                json!({ "version": VERSION, "entries": entries })
            )
        }
    };
    quietly(written)
}

/// Writes all that is known of an alert.
pub(super) async fn alert(ledger: &dyn Ledger, alert: &str, format: Format) -> Result<(), Fault> {
    let entries = ledger.look(alert).await?;
    if entries.is_empty() {
        return Err(Fault::Failed(anyhow!(
            "find alert {:?}: this ledger holds no such alert",
            one_line(alert, 100)
        )));
    }
    let mut letters = Vec::new();
    for entry in &entries {
        let letter = ledger
            .letter(&entry.alert, &entry.channel, &entry.recipient)
            .await?;
        letters.push(String::from_utf8_lossy(&letter.unwrap_or_default()).into_owned());
    }
    let mut out = io::stdout().lock();
    quietly(match format {
        Format::Table => sheets(&mut out, &entries, &letters),
        Format::Json => {
            let with = |(entry, letter): (&Entry, &String)| {
                let mut object = object(entry);
                object["payload"] = json!(letter);
                object
            };
            let entries: Vec<Value> = entries.iter().zip(&letters).map(with).collect();
            writeln!(
                out,
                "{:#}",
                json!({ "version": VERSION, "entries": entries })
            )
        }
    })
}

/// Says what a decision did.
pub(super) fn resolved(alert: &str, decision: Decision, resolved: u64) -> Result<(), Fault> {
    let alert = one_line(alert, 100);
    if resolved == 0 {
        return Err(Fault::Failed(anyhow!(
            "resolve alert {alert:?}: no entry of it is in doubt here; `channel-boy list --state \
             in_doubt` shows those that are"
        )));
    }
    let what = match decision {
        Decision::Delivered => "delivered",
        Decision::Resend => "to be sent again",
    };
    quietly(writeln!(io::stdout(), "{alert}: {resolved} {what}"))
}

fn table(out: &mut impl Write, entries: &[Entry]) -> io::Result<()> {
    writeln!(
        out,
        "{:<24}  {:<9}  {:<36}  {:<12}  {:<28}  {:>8}  note",
        "changed", "state", "alert", "channel", "recipient", "attempts"
    )?;
    for entry in entries {
        writeln!(
            out,
            "{:<24}  {:<9}  {:<36}  {:<12}  {:<28}  {:>8}  {}",
            utc(entry.updated_ms),
            entry.state.word(),
            one_line(&entry.alert, 64),
            one_line(&entry.channel, 64),
            one_line(&entry.recipient, 64),
            entry.attempts,
            one_line(&entry.note, 200),
        )?;
    }
    Ok(())
}

fn sheets(out: &mut impl Write, entries: &[Entry], letters: &[String]) -> io::Result<()> {
    for (entry, letter) in entries.iter().zip(letters) {
        let mut line = |name: &str, value: &str| writeln!(out, "{name:<12}{value}");
        line("alert", &one_line(&entry.alert, 256))?;
        line("channel", &one_line(&entry.channel, 256))?;
        line("recipient", &one_line(&entry.recipient, 256))?;
        line("state", entry.state.word())?;
        line("attempts", &entry.attempts.to_string())?;
        line("conflicts", &entry.conflicts.to_string())?;
        if entry.doubted {
            line("doubted", "an earlier attempt may have delivered it")?;
        }
        if let Some(digest) = &entry.digest {
            line("digest", digest)?;
        }
        line("inserted", &utc(entry.created_ms))?;
        if let Some(first_try_ms) = entry.first_try_ms {
            line("first try", &utc(first_try_ms))?;
        }
        line("changed", &utc(entry.updated_ms))?;
        line("due", &utc(entry.due_ms))?;
        line("note", &one_line(&entry.note, 1000))?;
        line("payload", &one_line(letter, 70_000))?;
        writeln!(out)?;
    }
    Ok(())
}

fn object(entry: &Entry) -> Value {
    json!({
        "alert": entry.alert,
        "channel": entry.channel,
        "recipient": entry.recipient,
        "state": entry.state.word(),
        "attempts": entry.attempts,
        "conflicts": entry.conflicts,
        "doubted": entry.doubted,
        "digest": entry.digest,
        "due_ms": entry.due_ms,
        "inserted_ms": entry.created_ms,
        "changed_ms": entry.updated_ms,
        "first_try_ms": entry.first_try_ms,
        "note": entry.note,
    })
}

fn utc(time_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| time_ms.to_string())
}

/// A reader that has seen enough (`| head`) is no failure.
fn quietly(written: io::Result<()>) -> Result<(), Fault> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Fault::Failed(anyhow!(error).context("write the answer")))
        }
    }
}
