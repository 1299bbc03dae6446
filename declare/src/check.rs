//! `declare check`: what the file describes.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use program::{Fault, TopologyArgs};
use serde_json::json;
use topology::{Arguments, Problems, Step, Target, Topology};

use crate::flags::{Output, OutputArgs};
use crate::{object, verdict};

/// The name and the version of the JSON.
const FORMAT: &str = "aldebaran-declare-check";
const VERSION: u32 = 1;

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Lists every object that the file describes, repetitions unrolled
    #[arg(long)]
    print: bool,
    /// Also tells what this version of RabbitMQ would reject or ignore: 3.10, 3.13, 4.0, 4.2, 4.3
    #[arg(long, value_name = "VERSION")]
    target: Option<Target>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Says how much a file describes that has no problems, and on request each object.
///
/// # Errors
/// Exit code 2 with every problem; 1 when stdout cannot be written to.
pub(crate) fn check(file: &TopologyArgs, args: &CheckArgs) -> Result<(), Fault> {
    let checked = file.read()?.and_then(|topology| match args.target {
        Some(target) => topology.fits(target).map(|()| topology),
        None => Ok(topology),
    });
    if args.output.output == Output::Json {
        let json = in_json(&checked);
        writeln!(std::io::stdout(), "{json:#}").context("write the results to stdout")?;
        return verdict::end(if checked.is_ok() { 0 } else { 2 });
    }
    let topology = checked.map_err(|problems| Fault::Usage(problems.to_string()))?;
    write(&topology, args.print, &mut std::io::stdout().lock())
        .context("write the results to stdout")?;
    Ok(())
}

fn in_json(checked: &Result<Topology, Problems>) -> serde_json::Value {
    let (problems, objects) = match checked {
        Ok(topology) => (Vec::new(), topology.state().objects.len()),
        Err(problems) => (problems.iter().collect(), 0),
    };
    let problems: Vec<_> = problems
        .into_iter()
        .map(|one| json!({ "place": one.place, "line": one.line, "message": one.message }))
        .collect();
    json!({
        "format": FORMAT, "version": VERSION,
        "valid": checked.is_ok(), "objects": objects, "problems": problems,
    })
}

fn write(topology: &Topology, print: bool, out: &mut impl Write) -> std::io::Result<()> {
    if print {
        for step in topology.steps() {
            writeln!(
                out,
                "{:<8}  {}{}",
                object::kind(&step),
                object::name(&step),
                details(&step)
            )?;
        }
    }
    let (exchanges, queues, bindings) = (
        topology.exchanges.len(),
        topology.queues.len(),
        topology.bindings.len(),
    );
    let objects = topology.state().objects.len();
    if objects == 0 {
        return writeln!(out, "{}: in order, but it declares nothing", topology.file);
    }
    let others = objects - exchanges - queues - bindings;
    let others = match others {
        0 => String::new(),
        others => format!(", {others} other objects"),
    };
    writeln!(
        out,
        "{}: in order: {exchanges} exchanges, {queues} queues, {bindings} bindings{others}",
        topology.file
    )
}

/// What is not the usual, and the arguments.
fn details(step: &Step<'_>) -> String {
    let (kind, flags, arguments) = match step {
        Step::Exchange(one) => {
            let exchange = &one.value;
            let flags = [
                (!exchange.durable, "transient"),
                (exchange.auto_delete, "auto-delete"),
                (exchange.internal, "internal"),
            ];
            (Some(exchange.kind.as_str()), flags, &exchange.arguments)
        }
        Step::Queue(one) => {
            let queue = &one.value;
            let flags = [
                (!queue.durable, "transient"),
                (queue.auto_delete, "auto-delete"),
                (false, ""),
            ];
            (None, flags, &queue.arguments)
        }
        Step::Binding(one) => (None, [(false, ""); 3], &one.value.arguments),
    };
    let flags = flags
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word));
    let words = kind
        .into_iter()
        .chain(flags)
        .map(str::to_owned)
        .chain(pairs(arguments));
    words.map(|word| format!("  {word}")).collect()
}

fn pairs(arguments: &Arguments) -> impl Iterator<Item = String> + '_ {
    arguments
        .iter()
        .map(|(name, setting)| format!("{name}={setting}"))
}

#[cfg(test)]
mod tests {
    use super::write;
    use topology::{Overrides, Source, load};

    #[test]
    fn repetitions_are_listed_one_by_one() {
        let text = "[exchange.e]\ntype = \"direct\"\n[queue.\"q${i}\"]\nfor.i = \"0..2\"\ntype = \"stream\"\nbindings = [{ from = \"e\", key = \"${i}\" }]";
        let expected = "\
exchange  e  direct
queue     q0  x-queue-type=\"stream\"
queue     q1  x-queue-type=\"stream\"
binding   e -> q0 (key \"0\")
binding   e -> q1 (key \"1\")
t.toml: in order: 1 exchanges, 2 queues, 2 bindings
";
        assert_eq!(written(text), expected);
    }

    #[test]
    fn a_file_that_declares_nothing_is_said_to() {
        let expected = "t.toml: in order, but it declares nothing\n";
        assert_eq!(written("# nothing yet\n"), expected);
    }

    fn written(text: &str) -> String {
        let source = Source {
            name: "t.toml".to_owned(),
            text: text.to_owned(),
        };
        let topology = load(&source, &Overrides::default()).unwrap();
        let mut out = Vec::new();
        write(&topology, true, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}
