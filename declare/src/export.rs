//! `declare export` and `declare import`: topology files out of what there is already.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use program::Fault;
use serde_json::json;
use topology::{Exported, Key, State};

use crate::flags::{Output, OutputArgs, PlaceArgs};
use crate::states;

/// The name and the version of the JSON.
const FORMAT: &str = "aldebaran-declare-export";
const VERSION: u32 = 1;

/// Where the file goes.
#[derive(Debug, Args)]
pub(crate) struct OutArgs {
    /// Writes into a file instead of to stdout
    #[arg(short = 'o', long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces the file if it is there, and keeps the comments that stand in it
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Also the vhost itself, the users that have permissions in it, and their permissions; needs
    /// an administrator. No password is ever written
    #[arg(long)]
    access: bool,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What `import` takes.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The definitions, as `rabbitmqctl export_definitions` and the management API write them
    #[arg(value_name = "DEFINITIONS")]
    definitions: PathBuf,
    /// The vhost to take out of them, when they have several
    #[arg(long, value_name = "NAME")]
    vhost: Option<String>,
    #[command(flatten)]
    out: OutArgs,
}

/// Writes the broker's vhost as a file, and what it cannot say to stderr.
///
/// # Errors
/// When the broker cannot be read, or the file not be written.
pub(crate) async fn export(args: &ExportArgs) -> Result<(), Fault> {
    let mut kinds = BTreeSet::from(["parameter"]);
    if args.access {
        kinds.extend(["vhost", "user", "permission", "topic-permission"]);
    }
    let mut state = states::live(&args.place, &kinds).await?;
    for (kind, why) in &state.unread {
        tracing::warn!(kind, why, "not exported");
    }
    let vhost = args.place.endpoint()?.vhost().to_owned();
    only_of_the_vhost(&mut state, &vhost);
    write(&topology::export(&state), &args.out)
}

/// Users without a permission here, and other vhosts, are nobody's business.
fn only_of_the_vhost(state: &mut State, vhost: &str) {
    let users: BTreeSet<String> = state
        .objects
        .keys()
        .filter_map(|key| match key {
            Key::Permission(user) => Some(user.clone()),
            _ => None,
        })
        .collect();
    state.objects.retain(|key, _| match key {
        Key::Vhost(name) => name == vhost,
        Key::User(name) => users.contains(name),
        _ => true,
    });
}

/// Writes definitions as a file, and what it cannot say to stderr.
///
/// # Errors
/// [`Fault::Usage`] when they cannot be read, and when nobody said which vhost of several.
pub(crate) fn import(args: &ImportArgs) -> Result<(), Fault> {
    let name = args.definitions.display().to_string();
    let text = states::read(&args.definitions)?;
    let imported = topology::import(&name, &text, args.vhost.as_deref())
        .map_err(|why| Fault::Usage(format!("{name}: {why}")))?;
    write(&imported, &args.out)
}

/// Writes the file where it belongs. As JSON it goes to stdout together with what is left out,
/// and, if that is asked for, by itself into its file.
fn write(exported: &Exported, args: &OutArgs) -> Result<(), Fault> {
    let in_json = args.output.output == Output::Json;
    let replaced = args
        .out
        .as_deref()
        .filter(|file| args.force && file.exists());
    let text = match replaced {
        Some(file) => topology::keep_comments(&states::read(file)?, &exported.text),
        None => exported.text.clone(),
    };
    if args.out.is_some() || !in_json {
        states::write(&text, args.out.as_deref(), args.force)?;
    }
    if in_json {
        let whole = json!({
            "format": FORMAT, "version": VERSION,
            "topology": text, "left_out": exported.left_out,
        });
        return states::write(&format!("{whole:#}\n"), None, false);
    }
    for sentence in &exported.left_out {
        tracing::warn!("left out: {sentence}");
    }
    Ok(())
}
