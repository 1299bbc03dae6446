//! Graphs as texts that other programs draw.

use std::fmt::Write;

use super::svg::colours;
use super::{Edge, Graph, Node, Way};
use crate::Key;

impl Graph {
    /// For Graphviz.
    pub fn dot(&self) -> String {
        let mut out = String::from(
            "digraph topology {\n  rankdir=LR;\n  node [style=\"filled,rounded\", fontname=\"sans-serif\", shape=box];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
        );
        for (place, node) in self.nodes.iter().enumerate() {
            let (fill, line) = colours(node, self.coloured);
            let shape = match node.key {
                Key::Exchange(_) => ", shape=ellipse, style=filled",
                _ => "",
            };
            let label = format!("{}\n{}", title(node), subtitle(node));
            let _ = writeln!(
                out,
                "  n{place} [label={}, fillcolor=\"{fill}\", color=\"{line}\"{shape}];",
                quoted(&label)
            );
        }
        for edge in &self.edges {
            let style = match edge.way {
                Way::Bound => "solid",
                Way::Alternate => "dashed",
                Way::DeadLetter => "dotted",
            };
            let _ = writeln!(
                out,
                "  n{} -> n{} [label={}, style={style}];",
                edge.from,
                edge.to,
                quoted(&words(edge))
            );
        }
        out.push_str("}\n");
        out
    }

    /// For Mermaid, which many forges draw in their pages.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (place, node) in self.nodes.iter().enumerate() {
            let label = format!(
                "{}<br/>{}",
                entities(&title(node)),
                entities(&subtitle(node))
            );
            let (open, close) = match node.key {
                Key::Exchange(_) => ("([", "])"),
                _ => ("[", "]"),
            };
            let (fill, line) = colours(node, self.coloured);
            let _ = writeln!(out, "  n{place}{open}\"{label}\"{close}");
            let _ = writeln!(
                out,
                "  style n{place} fill:{fill},stroke:{line},color:#111827"
            );
        }
        for edge in &self.edges {
            let arrow = match edge.way {
                Way::Bound => "-->",
                Way::Alternate | Way::DeadLetter => "-.->",
            };
            let label = match words(edge) {
                words if words.is_empty() => String::new(),
                words => format!("|\"{}\"|", entities(&words)),
            };
            let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
        }
        out
    }
}

/// What stands in a node's first line.
pub(super) fn title(node: &Node) -> String {
    let name: String = node
        .name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    name
}

/// What stands in its second.
pub(super) fn subtitle(node: &Node) -> String {
    let mut words = node.kind.clone();
    if node.count > 1 {
        words = format!("{} × {words}", node.count);
    }
    if let Some(mark) = node.mark.word() {
        words = format!("{words} · {mark}");
    }
    words
}

/// A label, with what the plan says of it.
pub(super) fn words(edge: &Edge) -> String {
    match edge.mark.word() {
        Some(mark) => format!("{} · {mark}", edge.label()),
        None => edge.label(),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Mermaid knows entities with `#` in place of `&`.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            letter if letter.is_alphanumeric() || " .-_,:/=+*×·".contains(letter) => {
                out.push(letter);
            }
            other => {
                let _ = write!(out, "#{};", u32::from(other));
            }
        }
    }
    out
}
