//! `declare route`: which queues would get a message, and why.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use program::{Fault, TopologyArgs};
use serde::Serialize;
use topology::{Certainty, Destination, Message, Route, Routing, Setting, Settings, Visit};

use crate::flags::{Output, OutputArgs, PlaceArgs};
use crate::states;

/// How many bindings that do not match are listed.
const MOST_OTHERS: usize = 10;

/// What `route` takes.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// The exchange; "" for the default one
    #[arg(value_name = "EXCHANGE")]
    exchange: String,
    /// The routing key
    #[arg(value_name = "KEY", default_value = "")]
    key: String,
    /// A header. A whole number, true and false are what they look like; in double quotes all is
    /// text: --header 'n="3"'
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, Setting)>,
    /// Asks the broker's own topology instead of the file's
    #[arg(long)]
    live: bool,
    /// Lists all bindings that do not match
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The JSON of `route`.
#[derive(Serialize)]
struct Told<'a> {
    format: &'static str,
    version: u32,
    origin: &'a str,
    exchange: &'a str,
    key: &'a str,
    #[serde(flatten)]
    route: &'a Route,
}

/// Says where a message goes. Nothing is published.
///
/// # Errors
/// When the file or the broker cannot be read; 2 when there is no such exchange.
pub(crate) async fn route(file: &TopologyArgs, args: &RouteArgs) -> Result<(), Fault> {
    let state = states::either(args.live, file, &args.place).await?;
    let message = Message {
        exchange: args.exchange.clone(),
        key: args.key.clone(),
        headers: args.headers.iter().cloned().collect::<Settings>(),
    };
    let route = Routing::of(&state).route(&message);
    let mut out = std::io::stdout().lock();
    let written = match args.output.output {
        Output::Json => serde_json::to_writer_pretty(
            &mut out,
            &Told {
                format: "aldebaran-declare-route",
                version: 1,
                origin: &state.origin,
                exchange: &message.exchange,
                key: &message.key,
                route: &route,
            },
        )
        .map_err(std::io::Error::from)
        .and_then(|()| writeln!(out)),
        Output::Text => tell(&mut out, &route, args.all),
    };
    written.context("write the results to stdout")?;
    match route.refused {
        None => Ok(()),
        Some(why) => Err(Fault::Usage(format!("exchange {:?}: {why}", args.exchange))),
    }
}

fn tell(out: &mut impl Write, route: &Route, all: bool) -> std::io::Result<()> {
    for visit in &route.visits {
        tell_visit(out, visit, all)?;
    }
    if route.refused.is_some() {
        return Ok(());
    }
    match route.queues.len() {
        0 => writeln!(
            out,
            "no queue: the broker drops it, or returns it if it is mandatory"
        )?,
        1 => writeln!(out, "1 queue:")?,
        count => writeln!(out, "{count} queues:")?,
    }
    for (queue, certainty) in &route.queues {
        let perhaps = match certainty {
            Certainty::Perhaps => "  (perhaps)",
            _ => "",
        };
        writeln!(out, "  {queue}{perhaps}")?;
    }
    Ok(())
}

fn tell_visit(out: &mut impl Write, visit: &Visit, all: bool) -> std::io::Result<()> {
    let name = match visit.exchange.as_str() {
        "" => "the default exchange",
        name => name,
    };
    writeln!(out, "{name} ({})", visit.kind)?;
    if visit.bindings.is_empty() {
        writeln!(out, "  has no bindings")?;
    }
    let mut others = 0;
    for one in &visit.bindings {
        if one.verdict == Certainty::No {
            others += 1;
            if !all && others > MOST_OTHERS {
                continue;
            }
        }
        let kind = match one.binding.to {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        };
        let (word, to) = (word(one.verdict), one.binding.to.name());
        writeln!(out, "  {word:<7}  -> {kind} {to}: {}", one.why)?;
    }
    if !all && others > MOST_OTHERS {
        writeln!(
            out,
            "           and {} more that do not match (--all)",
            others - MOST_OTHERS
        )?;
    }
    if let Some(one) = &visit.alternate {
        let (word, to) = (word(one.verdict), &one.exchange);
        writeln!(out, "  {word:<7}  -> alternate exchange {to}: {}", one.why)?;
    }
    Ok(())
}

fn word(verdict: Certainty) -> &'static str {
    match verdict {
        Certainty::Yes => "yes",
        Certainty::No => "no",
        Certainty::Perhaps => "perhaps",
    }
}

fn header(text: &str) -> Result<(String, Setting), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a header is written NAME=VALUE")?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let setting = match (quoted, value.parse::<i64>(), value) {
        (Some(text), ..) => Setting::from(text),
        (_, Ok(number), _) => Setting::Int(number),
        (.., "true") => Setting::Bool(true),
        (.., "false") => Setting::Bool(false),
        _ => Setting::from(value),
    };
    Ok((name.to_owned(), setting))
}
