//! Where a command gets the objects from that it looks at: a file, or a broker.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use program::{Fault, TopologyArgs};
use topology::{Overrides, Source, State};

use crate::flags::PlaceArgs;
use crate::place::{NoManagement, Place};

/// What a broker's vhost has: what messages meet, policies, and the further `kinds`.
///
/// # Errors
/// When it does not answer, and when there is no management API: AMQP cannot list anything.
pub(crate) async fn live(args: &PlaceArgs, kinds: &BTreeSet<&str>) -> Result<State, Fault> {
    let place = Place::open(args).await?;
    let management = match &place.management {
        Ok(management) => management,
        Err(NoManagement(why)) => {
            return Err(Fault::Usage(format!(
                "this needs the management API, because AMQP cannot list what is there: {why}"
            )));
        }
    };
    let live = management.live(kinds).await;
    let mut state = live
        .with_context(|| format!("read {}", place.endpoint))?
        .state;
    state.origin = place.name();
    Ok(state)
}

/// What the file of the flags describes, or what the broker has.
///
/// # Errors
/// Those of both.
pub(crate) async fn either(
    is_live: bool,
    file: &TopologyArgs,
    args: &PlaceArgs,
) -> Result<State, Fault> {
    if is_live {
        return live(args, &BTreeSet::new()).await;
    }
    Ok(file.load()?.state())
}

/// What a file describes, by its path, with its own values.
///
/// # Errors
/// [`Fault::Usage`] with every problem of the file.
pub(crate) fn file(path: &Path) -> Result<State, Fault> {
    let name = path.display().to_string();
    let text = read(path)?;
    let source = Source { name, text };
    let topology = topology::load(&source, &Overrides::default());
    let topology = topology.map_err(|problems| Fault::Usage(problems.to_string()))?;
    Ok(topology.state())
}

/// The text of a file.
///
/// # Errors
/// [`Fault::Usage`] when it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path)
        .map_err(|error| Fault::Usage(format!("{}: cannot be read: {error}", path.display())))
}

/// Writes a result to a file, or to stdout without one. A file that is there stays unless
/// `replace`.
///
/// # Errors
/// [`Fault::Usage`] when it is there, and when it cannot be written.
pub(crate) fn write(text: &str, to: Option<&Path>, replace: bool) -> Result<(), Fault> {
    use std::io::Write;
    let Some(path) = to else {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        return Ok(written.context("write the results to stdout")?);
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(replace);
    let options = if replace {
        options.create(true)
    } else {
        options.create_new(true)
    };
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "; --force replaces it",
            _ => "",
        };
        Fault::Usage(format!(
            "{}: cannot be written: {error}{remedy}",
            path.display()
        ))
    })
}
