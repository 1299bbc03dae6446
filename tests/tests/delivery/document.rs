//! The part of docs/guarantees.md that is made here.

use std::env;
use std::fs;

use anyhow::{Context, Result, ensure};
use tests::repository;

const PAGE: &str = "docs/guarantees.md";

/// Fails unless the page says `text` between its markers called `name`. With
/// `ALDEBARAN_WRITE_DOCS=1` it is made to.
pub(crate) fn says(name: &str, text: &str) -> Result<()> {
    let begin = format!("<!-- {name}: made by tests/tests/delivery -->\n");
    let end = format!("<!-- end of {name} -->");
    let path = repository(PAGE);
    let page = fs::read_to_string(&path)?;
    let parts = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let (before, (said, after)) =
        parts.with_context(|| format!("{PAGE} has no markers {begin}{end}"))?;
    if said == text {
        return Ok(());
    }
    if env::var_os("ALDEBARAN_WRITE_DOCS").is_some() {
        return Ok(fs::write(
            &path,
            [before, &begin, text, &end, after].concat(),
        )?);
    }
    ensure!(
        said == text,
        "{PAGE} says otherwise; ALDEBARAN_WRITE_DOCS=1 writes what was seen into it:\n{text}"
    );
    Ok(())
}
