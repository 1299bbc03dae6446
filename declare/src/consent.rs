//! Whether a person agrees.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use program::Fault;
use tokio_util::sync::CancellationToken;
use topology::Plan;

use crate::show;

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    Refused,
}

/// Shows the plan that there is to agree to and asks, on a terminal. Both go to stderr: stdout is
/// for the results, which a script may read as JSON.
///
/// # Errors
/// [`Fault::Usage`] when there is nobody to ask.
pub(crate) async fn ask(
    question: &str,
    plan: &Plan,
    stop: &CancellationToken,
) -> Result<Consent, Fault> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Fault::Usage(
            "there is nobody to ask, because this is no terminal: say --yes, or look first with \
             `declare plan`; nothing is changed"
                .to_owned(),
        ));
    }
    let mut shown = io::BufWriter::new(io::stderr().lock());
    show::plan(&mut shown, plan)
        .and_then(|()| write!(shown, "{question} [y/N] "))
        .and_then(|()| shown.flush())
        .context("ask")?;
    drop(shown);
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = tokio::select! {
        line = answer => line.context("read the answer")?.context("read the answer")?,
        () = stop.cancelled() => return Ok(Consent::Refused),
    };
    Ok(match line.trim() {
        "y" | "Y" | "yes" => Consent::Given,
        _ => Consent::Refused,
    })
}

/// How a command ends that was not allowed to go on.
pub(crate) fn refused() -> Fault {
    Fault::Exit {
        code: 1,
        message: "not agreed: nothing is changed".to_owned(),
    }
}
