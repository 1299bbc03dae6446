//! The report: a page of Markdown and its plots.

mod page;
mod plots;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::Results;

/// The raw data beside the page.
const DATA: &str = "run.json";

/// Writes everything into a folder. Plots of an earlier run that this one has nothing for go.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<()> {
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let data = serde_json::to_string(results).context("write the figures")?;
    // A line for each run: short, and still to be compared.
    file(DATA, data.replace("{\"subject\"", "\n{\"subject\"") + "\n")?;
    for (name, plot) in plots::all(results) {
        match plot.svg() {
            Some(svg) => file(name, svg)?,
            None => drop(fs::remove_file(folder.join(name))),
        }
    }
    file("README.md", page::page(results))
}

/// Reads the data of an earlier run.
pub(crate) fn read(path: &Path) -> Result<Results> {
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read the figures in {}", path.display()))
}
