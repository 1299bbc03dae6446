//! `declare check`: what the file describes.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use program::{Fault, TopologyArgs};
use topology::{Arguments, Step, Topology};

use crate::object;

/// Says how much a file describes that has no problems, and on request each object.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn check(file: &TopologyArgs, args: &CheckArgs) -> Result<(), Fault> {
    let topology = file.load()?;
    write(&topology, args.print, &mut std::io::stdout().lock())
        .context("write the results to stdout")?;
    Ok(())
}

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Lists every object that the file describes, repetitions unrolled
    #[arg(long)]
    print: bool,
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
    writeln!(
        out,
        "{}: in order: {exchanges} exchanges, {queues} queues, {bindings} bindings",
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
        let source = Source {
            name: "t.toml".to_owned(),
            text: text.to_owned(),
        };
        let topology = load(&source, &Overrides::default()).unwrap();
        let mut out = Vec::new();
        write(&topology, true, &mut out).unwrap();
        let expected = "\
exchange  e  direct
queue     q0  x-queue-type=\"stream\"
queue     q1  x-queue-type=\"stream\"
binding   e -> q0 (key \"0\")
binding   e -> q1 (key \"1\")
t.toml: in order: 1 exchanges, 2 queues, 2 bindings
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
