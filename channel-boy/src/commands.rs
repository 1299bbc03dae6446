//! What an operator can ask of channel-boy besides running a channel: about the ledger, beside the
//! process that delivers from it, and about the configuration.

mod check;
mod redeliver;
mod show;
mod test;

use std::{path::Path, sync::Arc, time::Duration};

use clap::{Subcommand, ValueEnum};
use ledger::{Decision, Filter, Ledger, State};
use program::{BrokerArgs, Fault};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now_ms,
    home::{self, LedgerArgs},
    retry::milliseconds,
};

/// A question or a decision.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Check),
    Test(test::Test),
    /// Lists entries, the last changed first
    List {
        /// Only in this state: pending, claimed, sending, delivered, failed, `retry_at`, `in_doubt`
        #[arg(long, value_name = "STATE")]
        state: Option<State>,
        #[command(flatten)]
        at: LedgerArgs,
        #[command(flatten)]
        shown: Shown,
    },
    /// Shows all that is known of an alert
    Show {
        /// The alert's id
        #[arg(value_name = "ALERT")]
        alert: String,
        #[command(flatten)]
        at: LedgerArgs,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Decides what becomes of an alert in doubt
    #[command(group(clap::ArgGroup::new("decision").required(true)))]
    Resolve {
        /// The alert's id
        #[arg(value_name = "ALERT")]
        alert: String,
        /// It came through
        #[arg(long, group = "decision")]
        delivered: bool,
        /// Send it again, perhaps twice
        #[arg(long, group = "decision")]
        resend: bool,
        /// Only for this recipient, by their name in the ledger
        #[arg(long, value_name = "NAME")]
        recipient: Option<String>,
        #[command(flatten)]
        at: LedgerArgs,
    },
    /// Lists what was delivered, failed or changed lately
    History {
        /// So long ago, or later
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
        since: Duration,
        #[command(flatten)]
        at: LedgerArgs,
        #[command(flatten)]
        shown: Shown,
    },
    /// Puts what stands in Aldebaran.Undelivered for this channel back, to be tried again
    Redeliver {
        /// Only this alert
        #[arg(long, value_name = "ALERT")]
        alert: Option<String>,
        #[command(flatten)]
        at: LedgerArgs,
    },
}

/// How much is shown, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each entry.
    Table,
    /// One JSON object; its `version` grows when the meaning of something in it changes.
    Json,
}

/// Carries a command out.
///
/// # Errors
/// When the ledger cannot be opened or asked; when nothing was found to show or to decide.
pub(crate) async fn run(
    command: &Command,
    config: &Path,
    broker: &BrokerArgs,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let at = match command {
        Command::Check(check) => return check.run(config),
        Command::Test(test) => return test.run(config, stop).await,
        Command::List { at, .. }
        | Command::Show { at, .. }
        | Command::Resolve { at, .. }
        | Command::History { at, .. }
        | Command::Redeliver { at, .. } => at,
    };
    let ledger = home::beside(&at.location_by_name(config)?).await?;
    let done = answer(command, at, broker, &ledger, stop).await;
    ledger.close().await;
    done
}

async fn answer(
    command: &Command,
    args: &LedgerArgs,
    broker: &BrokerArgs,
    ledger: &Arc<dyn Ledger>,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let now_ms = now_ms().saturating_add(ledger.ahead_ms());
    let channel = args.named().map(str::to_owned);
    match command {
        Command::List { state, shown, .. } => {
            let filter = Filter {
                channel,
                state: *state,
                since_ms: None,
                limit: shown.limit,
            };
            show::entries(&ledger.list(filter).await?, shown.format)
        }
        Command::History { since, shown, .. } => {
            let filter = Filter {
                channel,
                state: None,
                since_ms: Some(now_ms.saturating_sub(milliseconds(*since))),
                limit: shown.limit,
            };
            show::entries(&ledger.list(filter).await?, shown.format)
        }
        Command::Show { alert, format, .. } => show::alert(ledger.as_ref(), alert, *format).await,
        Command::Resolve {
            alert,
            delivered,
            recipient,
            ..
        } => {
            let decision = match delivered {
                true => Decision::Delivered,
                false => Decision::Resend,
            };
            let resolved = ledger
                .resolve(alert, channel, recipient.clone(), decision, now_ms)
                .await?;
            show::resolved(alert, decision, resolved)
        }
        Command::Redeliver { alert, .. } => {
            let endpoint = broker.endpoint()?;
            redeliver::run(
                ledger.as_ref(),
                args.channel()?,
                alert.as_deref(),
                &endpoint,
                stop,
            )
            .await
        }
        Command::Check(_) | Command::Test(_) => Ok(()), // need no ledger
    }
}
