//! Nodes that differ by numbers alone become one.

use std::collections::BTreeMap;

use super::{Edge, Graph, Mark, Node, Way};
use crate::Key;

/// How many are worth it.
const LEAST: usize = 3;

/// What nodes have in common that become one: section, name without numbers, kind, mark, and
/// where their edges come from and lead.
type Likeness = (bool, String, String, Mark, Vec<(bool, usize, Way, Mark)>);

/// The graph with one node for all that are alike.
pub(super) fn fold(graph: Graph) -> Graph {
    let mut ends: BTreeMap<usize, Vec<(bool, usize, Way, Mark)>> = BTreeMap::new();
    for edge in &graph.edges {
        let out = ends.entry(edge.from).or_default();
        out.push((true, edge.to, edge.way, edge.mark));
        let into = ends.entry(edge.to).or_default();
        into.push((false, edge.from, edge.way, edge.mark));
    }
    let mut groups: BTreeMap<Likeness, Vec<usize>> = BTreeMap::new();
    for (place, node) in graph.nodes.iter().enumerate() {
        let mut ends = ends.remove(&place).unwrap_or_default();
        ends.sort();
        ends.dedup();
        let likeness = (
            matches!(node.key, Key::Queue(_)),
            without_numbers(&node.name),
            node.kind.clone(),
            node.mark,
            ends,
        );
        groups.entry(likeness).or_default().push(place);
    }
    // Where each node goes: itself, or the first of its group.
    let mut first_of: Vec<usize> = (0..graph.nodes.len()).collect();
    let mut counts = vec![1; graph.nodes.len()];
    for ((_, name, ..), places) in &groups {
        if places.len() < LEAST || !name.contains('*') {
            continue;
        }
        for place in places {
            first_of[*place] = places[0];
        }
        counts[places[0]] = places.len();
    }
    joined(graph, &first_of, &counts)
}

fn joined(graph: Graph, first_of: &[usize], counts: &[usize]) -> Graph {
    let mut nodes: Vec<Node> = Vec::new();
    let mut new_place = BTreeMap::new();
    for (place, mut node) in graph.nodes.into_iter().enumerate() {
        if first_of[place] != place {
            continue;
        }
        node.count = counts[place];
        if node.count > 1 {
            node.name = without_numbers(&node.name);
        }
        new_place.insert(place, nodes.len());
        nodes.push(node);
    }
    let mut edges: BTreeMap<(usize, usize, Way, Mark), Vec<String>> = BTreeMap::new();
    for edge in graph.edges {
        let [from, to] = [edge.from, edge.to].map(|place| new_place[&first_of[place]]);
        let labels = edges.entry((from, to, edge.way, edge.mark)).or_default();
        labels.extend(edge.labels);
    }
    let edges = edges
        .into_iter()
        .map(|((from, to, way, mark), labels)| Edge {
            from,
            to,
            way,
            mark,
            labels,
        });
    Graph {
        nodes,
        edges: edges.collect(),
        coloured: graph.coloured,
    }
}

/// The name with a star for each number at a word's place.
fn without_numbers(name: &str) -> String {
    let mut shape = String::new();
    let mut in_number = false;
    for letter in name.chars() {
        let digit = letter.is_ascii_digit();
        if !digit {
            shape.push(letter);
        } else if !in_number {
            shape.push('*');
        }
        in_number = digit;
    }
    shape
}
