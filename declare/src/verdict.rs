//! What a plan comes to, as an exit code and a sentence.

use program::Fault;
use topology::{Action, Plan};

/// Exit code: changes are pending.
pub(crate) const CHANGES: u8 = 10;
/// Exit code: something exists with other properties.
pub(crate) const CONFLICTS: u8 = 11;
/// Exit code: something would be destroyed by `prune`.
pub(crate) const DESTRUCTIVE: u8 = 12;
/// Exit code: nothing is known to be wrong, and not all could be looked at.
pub(crate) const UNVERIFIED: u8 = 13;

/// The exit code of a plan: what hinders most comes first.
pub(crate) fn code(plan: &Plan) -> u8 {
    let has = |action| plan.count(action) > 0;
    if has(Action::Conflict) {
        CONFLICTS
    } else if has(Action::Destroy) {
        DESTRUCTIVE
    } else if has(Action::Create) || has(Action::Change) {
        CHANGES
    } else if has(Action::Unverified) {
        UNVERIFIED
    } else {
        0
    }
}

/// The end of a command whose result has been written already.
pub(crate) fn end(code: u8) -> Result<(), Fault> {
    match code {
        0 => Ok(()),
        code => Err(Fault::Exit {
            code,
            message: String::new(),
        }),
    }
}

/// One line: how much is as wanted and how much is not.
pub(crate) fn summary(plan: &Plan) -> String {
    let words = [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Conflict, "in conflict"),
        (Action::Destroy, "to destroy by `prune`"),
        (Action::Unverified, "not verified"),
        (Action::Unmanaged, "not of this file"),
    ];
    let parts: Vec<String> = words
        .into_iter()
        .map(|(action, words)| (plan.count(action), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let (file, live, in_sync) = (&plan.wanted, &plan.live, plan.in_sync);
    let rest = if parts.is_empty() {
        String::new()
    } else {
        format!(", {}", parts.join(", "))
    };
    let verdict = match code(plan) {
        0 => "in sync: ",
        UNVERIFIED => "nothing is known to be missing, and that is no proof of sync: ",
        _ => "",
    };
    format!("{file} and {live}: {verdict}{in_sync} as wanted{rest}")
}
