//! `declare diff A B`: two files, two brokers, or one of each.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use program::Fault;
use topology::{Action, Scope, State, diff};

use crate::flags::{Output, OutputArgs, PlaceArgs};
use crate::{states, verdict};

/// What two brokers seldom share, and only some users may see.
const NOT_ASKED: [&str; 5] = [
    "vhost",
    "user",
    "permission",
    "topic-permission",
    "parameter",
];

/// What `diff` takes.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A file; `live` for the broker of --amqp-url; or an amqp:// URL, with a comma and the URL of
    /// its management API behind it when that is not on the usual port
    #[arg(value_name = "A")]
    one: String,
    /// The same
    #[arg(value_name = "B")]
    other: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Says what is only in A, what only in B, and what differs.
///
/// # Errors
/// Exit code 10 when they differ.
pub(crate) async fn compare(args: &DiffArgs) -> Result<(), Fault> {
    let one = side(&args.one, &args.place).await?;
    let other = side(&args.other, &args.place).await?;
    let mut plan = diff(&one, &other, &Scope::default());
    for entry in &mut plan.entries {
        let kind = entry.key().map_or("", |key| key.kind());
        if entry.action == Action::Unmanaged && one.unread.contains_key(kind) {
            entry.action = Action::Unverified;
        }
    }
    match args.output.output {
        Output::Json => {
            use std::io::Write;
            writeln!(std::io::stdout(), "{}", plan.to_json())
        }
        Output::Text => tell(&mut std::io::stdout().lock(), &plan),
    }
    .context("write the results to stdout")?;
    verdict::end(if plan.entries.is_empty() {
        0
    } else {
        verdict::CHANGES
    })
}

async fn side(name: &str, place: &PlaceArgs) -> Result<State, Fault> {
    let place = if name == "live" {
        place.clone()
    } else if name.starts_with("amqp://") || name.starts_with("amqps://") {
        let mut place = place.clone();
        let (amqp, management) = match name.split_once(",http") {
            Some((amqp, rest)) => (amqp, Some(format!("http{rest}"))),
            None => (name, None),
        };
        place.broker.amqp_url = amqp.to_owned();
        place.broker.server = None;
        place.management_url = management;
        place
    } else {
        return states::file(Path::new(name));
    };
    let mut live = states::live(&place, &BTreeSet::new()).await?;
    for kind in NOT_ASKED {
        let why = "`diff` does not ask brokers for it, `plan` does".to_owned();
        live.unread.insert(kind, why);
    }
    Ok(live)
}

fn tell(out: &mut impl std::io::Write, plan: &topology::Plan) -> std::io::Result<()> {
    for entry in &plan.entries {
        let mark = match entry.action {
            Action::Create => "- only in A",
            Action::Unmanaged | Action::Destroy => "+ only in B",
            Action::Unverified => "? unknown  ",
            Action::Change | Action::Conflict => "~ differs  ",
        };
        let kind = entry.key().map_or("object", |key| key.kind());
        writeln!(out, "{mark}  {kind:<8}  {}", entry.name)?;
        let shown = |setting: &Option<topology::Setting>| {
            let text = setting.as_ref().map(ToString::to_string);
            text.unwrap_or("nothing".to_owned())
        };
        for one in &entry.differences {
            let (a, b) = (shown(&one.wanted), shown(&one.live));
            writeln!(out, "    {}: A {a}, B {b}", one.property)?;
        }
    }
    let (same, different) = (plan.in_sync, plan.entries.len());
    writeln!(
        out,
        "A is {}, B is {}: {same} the same, {different} not",
        plan.wanted, plan.live
    )
}
