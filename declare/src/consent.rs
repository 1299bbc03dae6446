//! Whether a person agrees.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use program::Fault;
use tokio_util::sync::CancellationToken;

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    Refused,
}

/// Shows what there is to agree to and asks, on a terminal.
///
/// # Errors
/// [`Fault::Usage`] when there is nobody to ask.
pub(crate) async fn ask(
    question: &str,
    show: impl FnOnce() -> io::Result<()>,
    stop: &CancellationToken,
) -> Result<Consent, Fault> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Fault::Usage(
            "there is nobody to ask, because this is no terminal: say --yes, or look first with \
             `declare plan`; nothing is changed"
                .to_owned(),
        ));
    }
    show().context("write the plan to stdout")?;
    write!(io::stderr(), "{question} [y/N] ").context("ask")?;
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
