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
    let mut shared: BTreeMap<usize, (String, usize)> = BTreeMap::new();
    for ((_, name, ..), places) in &groups {
        if places.len() < LEAST || !name.contains('*') {
            continue;
        }
        for place in places {
            first_of[*place] = places[0];
        }
        let names: Vec<&str> = places
            .iter()
            .map(|place| graph.nodes[*place].name.as_str())
            .collect();
        shared.insert(places[0], (common(&names), places.len()));
    }
    joined(graph, &first_of, &shared)
}

/// The graph with each node in the place of the first of its group; `shared` has the name and
/// the size of each group by its first.
fn joined(graph: Graph, first_of: &[usize], shared: &BTreeMap<usize, (String, usize)>) -> Graph {
    let mut nodes: Vec<Node> = Vec::new();
    let mut new_place = BTreeMap::new();
    for (place, mut node) in graph.nodes.into_iter().enumerate() {
        if first_of[place] != place {
            continue;
        }
        if let Some((name, count)) = shared.get(&place) {
            (node.name, node.count) = (name.clone(), *count);
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

/// The name with a star for each number.
fn without_numbers(name: &str) -> String {
    let stars = pieces(name).into_iter().map(|piece| {
        if piece.starts_with(|first: char| first.is_ascii_digit()) {
            "*"
        } else {
            piece
        }
    });
    stars.collect()
}

/// What names that differ by numbers alone have in common, with a star where they differ.
fn common(names: &[&str]) -> String {
    let all: Vec<Vec<&str>> = names.iter().map(|name| pieces(name)).collect();
    let Some(first) = all.first() else {
        return String::new();
    };
    let piece = |(at, piece): (usize, &&'_ str)| {
        let same = all.iter().all(|one| one.get(at) == Some(piece));
        if same {
            (*piece).to_owned()
        } else {
            "*".to_owned()
        }
    };
    first.iter().enumerate().map(piece).collect()
}

/// The numbers of a name, and what stands between them.
fn pieces(name: &str) -> Vec<&str> {
    name.as_bytes()
        .chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit())
        .scan(0, |at, piece| {
            let start = *at;
            *at += piece.len();
            name.get(start..*at)
        })
        .collect()
}
