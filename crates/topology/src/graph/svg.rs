//! Graphs as SVG, drawn without any other program.

use std::fmt::Write;

use super::layout::{Layout, NODE_HEIGHT, layout};
use super::text::{subtitle, title, words};
use super::{Graph, Mark, Node, Way};
use crate::{Action, Key};

const MARGIN: f64 = 28.0;
/// How wide a letter is on the average, in the fonts that are asked for.
const TITLE_LETTER: f64 = 7.5;
const SMALL_LETTER: f64 = 6.2;
const LEGEND_HEIGHT: f64 = 44.0;

/// Fill and line of a node: by its kind, or by its mark when a plan colours the graph.
pub(super) fn colours(node: &Node, coloured: bool) -> (&'static str, &'static str) {
    if coloured {
        return of_mark(node.mark);
    }
    match (&node.key, node.kind.as_str()) {
        (_, "not described") => ("#ffffff", "#dc2626"),
        (_, "the broker's own") => ("#ffffff", "#9ca3af"),
        (Key::Exchange(_), _) => ("#eef2ff", "#4f46e5"),
        (_, "stream") => ("#fff7ed", "#d97706"),
        (_, "quorum queue") => ("#ecfdf5", "#059669"),
        _ => ("#f8fafc", "#475569"),
    }
}

fn of_mark(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Plain => ("#ffffff", "#94a3b8"),
        Mark::Planned(Action::Create) => ("#dcfce7", "#16a34a"),
        Mark::Planned(Action::Change) => ("#fef3c7", "#d97706"),
        Mark::Planned(Action::Conflict) => ("#fee2e2", "#dc2626"),
        Mark::Planned(Action::Destroy) => ("#fce7f3", "#be185d"),
        Mark::Planned(Action::Unmanaged) => ("#f3f4f6", "#9ca3af"),
        Mark::Planned(Action::Unverified) => ("#ede9fe", "#7c3aed"),
    }
}

impl Graph {
    /// A picture for browsers and documents.
    pub fn svg(&self) -> String {
        let width = |node: usize| node_width(&self.nodes[node]);
        let label = |edge: usize| letters(&words(&self.edges[edge])) * SMALL_LETTER;
        let layout = layout(self, &width, &label);
        let across = layout.width.max(560.0) + 2.0 * MARGIN;
        let down = layout.height + 2.0 * MARGIN + LEGEND_HEIGHT;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{across:.0}\" height=\"{down:.0}\" viewBox=\"0 0 {across:.0} {down:.0}\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif\">\n\
             <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0.8 L7.5 4 L0 7.2 z\" fill=\"#64748b\"/></marker></defs>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n"
        );
        let mut labels = String::new();
        for at in 0..self.edges.len() {
            self.edge(at, &layout, &mut out, &mut labels);
        }
        for (place, node) in self.nodes.iter().enumerate() {
            draw(node, layout.nodes[place], self.coloured, &mut out);
        }
        out.push_str(&labels);
        self.legend(layout.height + MARGIN, &mut out);
        out.push_str("</g>\n</svg>\n");
        out
    }

    fn edge(&self, at: usize, layout: &Layout, out: &mut String, labels: &mut String) {
        let edge = &self.edges[at];
        let (left, right) = if layout.turned[at] {
            (edge.to, edge.from)
        } else {
            (edge.from, edge.to)
        };
        let (x, mut y) = layout.nodes[left];
        let mut x = x + node_width(&self.nodes[left]);
        let (end_x, end_y) = layout.nodes[right];
        if left == right {
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {:.1} c26 -12 26 24 0 12\" fill=\"none\" stroke=\"#64748b\" marker-end=\"url(#arrow)\"/>",
                y - 6.0
            );
            return;
        }
        let mut path = format!("M{x:.1} {y:.1}");
        let mut bends = layout.bends[at].clone();
        bends.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        for (from, to, bend) in bends {
            curve(&mut path, (x, y), (from, bend));
            let _ = write!(path, " L{to:.1} {bend:.1}");
            (x, y) = (to, bend);
        }
        curve(&mut path, (x, y), (end_x, end_y));
        let (dash, line) = match edge.way {
            Way::Bound => ("", "#64748b"),
            Way::Alternate => (" stroke-dasharray=\"7 4\"", "#64748b"),
            Way::DeadLetter => (" stroke-dasharray=\"2 4\"", "#b91c1c"),
        };
        let line = match edge.mark {
            Mark::Planned(_) => of_mark(edge.mark).1,
            Mark::Plain => line,
        };
        let end = if layout.turned[at] { "start" } else { "end" };
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{line}\" stroke-width=\"1.4\"{dash} marker-{end}=\"url(#arrow)\"/>"
        );
        let words = words(edge);
        // The legend says what dead letters look like; many of them end in one place.
        if !words.is_empty() && edge.way != Way::DeadLetter {
            // Near its end, where edges of one exchange lie apart.
            let (label_x, label_y) = (end_x - 14.0, end_y - 5.0 + (y - end_y) * 0.04);
            let _ = writeln!(
                labels,
                "<text x=\"{label_x:.1}\" y=\"{label_y:.1}\" font-size=\"11\" text-anchor=\"end\" fill=\"{line}\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
                escaped(&words)
            );
        }
    }

    fn legend(&self, y: f64, out: &mut String) {
        let nodes = self.nodes.iter();
        let mut found: Vec<(&str, (&str, &str))> = nodes
            .map(|node| {
                let word = if self.coloured {
                    node.mark.word().unwrap_or("as wanted")
                } else if matches!(node.key, Key::Exchange(_)) && node.kind.ends_with("exchange") {
                    "exchange"
                } else {
                    node.kind.as_str()
                };
                (word, colours(node, self.coloured))
            })
            .collect();
        found.sort();
        found.dedup();
        let mut x = 0.0;
        for (word, (fill, line)) in found {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"16\" height=\"12\" rx=\"3\" fill=\"{fill}\" stroke=\"{line}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#334155\">{}</text>",
                x + 22.0,
                y + 10.0,
                escaped(word)
            );
            x += 22.0 + letters(word) * SMALL_LETTER + 22.0;
        }
        for (way, word, dash, line) in [
            (Way::Alternate, "alternate exchange", "7 4", "#64748b"),
            (Way::DeadLetter, "dead letters", "2 4", "#b91c1c"),
        ] {
            if !self.edges.iter().any(|edge| edge.way == way) {
                continue;
            }
            let middle = y + 6.0;
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {middle:.1} h26\" stroke=\"{line}\" stroke-width=\"1.4\" stroke-dasharray=\"{dash}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#334155\">{word}</text>",
                x + 32.0,
                y + 10.0
            );
            x += 32.0 + letters(word) * SMALL_LETTER + 22.0;
        }
    }
}

fn draw(node: &Node, (x, y): (f64, f64), coloured: bool, out: &mut String) {
    let (fill, line) = colours(node, coloured);
    let (width, top) = (node_width(node), y - NODE_HEIGHT / 2.0);
    let corner = match node.key {
        Key::Exchange(_) => NODE_HEIGHT / 2.0,
        _ => 7.0,
    };
    let dash = match node.mark {
        Mark::Planned(Action::Destroy | Action::Unmanaged) => " stroke-dasharray=\"5 3\"",
        _ => "",
    };
    if node.count > 1 {
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{NODE_HEIGHT}\" rx=\"{corner}\" fill=\"{fill}\" stroke=\"{line}\"/>",
            x + 5.0,
            top + 5.0
        );
    }
    let middle = x + width / 2.0;
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{NODE_HEIGHT}\" rx=\"{corner}\" fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"1.4\"{dash}/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"13\" font-weight=\"600\" text-anchor=\"middle\" fill=\"#111827\">{}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#475569\">{}</text>",
        y - 2.0,
        escaped(&shown(&title(node))),
        y + 14.0,
        escaped(&subtitle(node))
    );
}

fn curve(path: &mut String, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
    let middle = f64::midpoint(x, to_x);
    let _ = write!(
        path,
        " C{middle:.1} {y:.1} {middle:.1} {to_y:.1} {to_x:.1} {to_y:.1}"
    );
}

fn node_width(node: &Node) -> f64 {
    let title = letters(&shown(&title(node))) * TITLE_LETTER;
    let small = letters(&subtitle(node)) * SMALL_LETTER;
    title.max(small).max(60.0) + 34.0
}

/// A very long name with its middle left out.
fn shown(name: &str) -> String {
    const MOST: usize = 56;
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= MOST {
        return name.to_owned();
    }
    let half = MOST / 2;
    let start: String = letters[..half].iter().collect();
    let end: String = letters[letters.len() - half..].iter().collect();
    format!("{start}…{end}")
}

fn letters(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            other if other.is_control() => " ".to_owned(),
            other => other.to_string(),
        })
        .collect()
}
