//! A plan that was saved: applied only while it is still the plan.

use std::path::Path;

use program::Fault;
use topology::Plan;

use crate::apply::core;

/// Compares a saved plan with the one of this moment.
///
/// # Errors
/// [`Fault::Usage`] when the file is no plan, and when the broker or the topology has changed
/// since; names what is different.
pub(crate) fn still_holds(file: &Path, now: &Plan) -> Result<(), Fault> {
    let name = file.display();
    let wrong = |why: String| Fault::Usage(format!("{name}: the plan cannot be used: {why}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let saved = Plan::from_json(&text).map_err(wrong)?;
    if saved.live != now.live {
        return Err(wrong(format!(
            "it was made for {}, and this is {}",
            saved.live, now.live
        )));
    }
    let (then, today) = (core(&saved), core(now));
    if saved.fingerprint == now.fingerprint && then == today {
        return Ok(());
    }
    let other = |one: &&topology::Entry| !then.contains(one) || !today.contains(one);
    let mut names: Vec<&str> = then
        .iter()
        .chain(&today)
        .filter(other)
        .map(|one| one.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let who = if saved.fingerprint == now.fingerprint {
        "the topology"
    } else {
        "the broker"
    };
    let which = match names.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names[..names.len().min(10)].join(", ")),
    };
    Err(wrong(format!(
        "{who} has changed since it was made{which}: nothing is done; make a new plan with `plan -o`"
    )))
}
