//! Where everything stands: layers from left to right, as messages flow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Graph;

/// Sizes in pixels.
pub(super) const NODE_HEIGHT: f64 = 46.0;
const GAP: f64 = 18.0;
const LEAST_LAYER_GAP: f64 = 90.0;
const COMPONENT_GAP: f64 = 34.0;
const MOST_LONERS_WIDTH: f64 = 1000.0;

/// How often the order within the layers is improved.
const SWEEPS: usize = 8;

/// The places.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The left end and the middle of each node.
    pub(super) nodes: Vec<(f64, f64)>,
    /// What each edge passes between its ends: the middle of a free place in each layer, with
    /// the left end and the right end of that layer.
    pub(super) bends: Vec<Vec<(f64, f64, f64)>>,
    /// Whether an edge was turned round, because it leads back.
    pub(super) turned: Vec<bool>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A node, or a place that an edge needs in a layer that it only passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    Node(usize),
    Bend(usize, usize),
}

/// Lays out the graph; `width` tells how wide each node is, `label` each edge's label.
pub(super) fn layout(
    graph: &Graph,
    width: &dyn Fn(usize) -> f64,
    label: &dyn Fn(usize) -> f64,
) -> Layout {
    let mut layout = Layout {
        nodes: vec![(0.0, 0.0); graph.nodes.len()],
        bends: vec![Vec::new(); graph.edges.len()],
        turned: turned(graph),
        ..Layout::default()
    };
    let (components, loners) = components(graph);
    for component in components {
        place(graph, &component, width, label, &mut layout);
        layout.height += COMPONENT_GAP;
    }
    let (mut x, mut y) = (0.0, layout.height + NODE_HEIGHT / 2.0);
    let across = layout.width.max(MOST_LONERS_WIDTH);
    for &node in &loners {
        if x > 0.0 && x + width(node) > across {
            (x, y) = (0.0, y + NODE_HEIGHT + GAP);
        }
        layout.nodes[node] = (x, y);
        x += width(node) + GAP;
        layout.width = layout.width.max(x - GAP);
        layout.height = y + NODE_HEIGHT / 2.0;
    }
    layout
}

/// The nodes that hang together, the largest first, and those without any edge.
fn components(graph: &Graph) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut near: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for edge in &graph.edges {
        near.entry(edge.from).or_default().push(edge.to);
        near.entry(edge.to).or_default().push(edge.from);
    }
    let loners = (0..graph.nodes.len()).filter(|node| !near.contains_key(node));
    let loners = loners.collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for &start in near.keys() {
        let mut component = Vec::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(node) = waiting.pop_front() {
            if seen.insert(node) {
                component.push(node);
                waiting.extend(&near[&node]);
            }
        }
        if !component.is_empty() {
            found.push(component);
        }
    }
    found.sort_by_key(|component| std::cmp::Reverse(component.len()));
    (found, loners)
}

/// The edges that lead back to where a walk came from; turned round, none makes a circle.
fn turned(graph: &Graph) -> Vec<bool> {
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, edge) in graph.edges.iter().enumerate() {
        out.entry(edge.from).or_default().push(at);
    }
    let mut turned = vec![false; graph.edges.len()];
    let (mut done, mut open) = (BTreeSet::new(), BTreeSet::new());
    for start in 0..graph.nodes.len() {
        // A stack of nodes with the number of their edges that were followed.
        let mut stack = vec![(start, 0)];
        while let Some((node, followed)) = stack.pop() {
            if followed == 0 && (done.contains(&node) || !open.insert(node)) {
                continue;
            }
            let Some(&at) = out.get(&node).and_then(|edges| edges.get(followed)) else {
                open.remove(&node);
                done.insert(node);
                continue;
            };
            stack.push((node, followed + 1));
            let to = graph.edges[at].to;
            if open.contains(&to) {
                turned[at] = true;
            } else if !done.contains(&to) {
                stack.push((to, 0));
            }
        }
    }
    turned
}

/// The ends of an edge in the direction of the layers.
fn ends(graph: &Graph, layout: &Layout, at: usize) -> (usize, usize) {
    let edge = &graph.edges[at];
    if layout.turned[at] {
        (edge.to, edge.from)
    } else {
        (edge.from, edge.to)
    }
}

fn place(
    graph: &Graph,
    component: &[usize],
    width: &dyn Fn(usize) -> f64,
    label: &dyn Fn(usize) -> f64,
    layout: &mut Layout,
) {
    let members: BTreeSet<usize> = component.iter().copied().collect();
    let edges: Vec<usize> = (0..graph.edges.len())
        .filter(|at| members.contains(&graph.edges[*at].from))
        .filter(|at| graph.edges[*at].from != graph.edges[*at].to)
        .collect();
    let ranks = ranks(graph, layout, component, &edges);
    let (mut layers, near) = layers(graph, layout, &ranks, &edges);
    for sweep in 0..SWEEPS {
        let backwards = sweep % 2 == 1;
        improve(&mut layers, &near, backwards);
    }
    let ys = heights(&layers, &near);
    let top = layout.height;
    let mut x = 0.0;
    let mut bottom: f64 = top;
    for (rank, layer) in layers.iter().enumerate() {
        let widths = layer.iter().map(|spot| match spot {
            Spot::Node(node) => width(*node),
            Spot::Bend(..) => 0.0,
        });
        let across = widths.fold(0.0, f64::max);
        for spot in layer {
            let y = top + ys[spot];
            bottom = bottom.max(y + NODE_HEIGHT / 2.0);
            match *spot {
                Spot::Node(node) => layout.nodes[node] = (x, y),
                Spot::Bend(edge, _) => layout.bends[edge].push((x, x + across, y)),
            }
        }
        layout.width = layout.width.max(x + across);
        let out = edges.iter().filter(|at| {
            let (_, to) = ends(graph, layout, **at);
            ranks[&to] == rank + 1
        });
        let labels = out.map(|at| label(*at)).fold(0.0, f64::max);
        x += across + LEAST_LAYER_GAP.max(labels + 56.0);
    }
    layout.height = bottom;
}

/// The layer of each node: one more than the last of those that lead to it.
fn ranks(
    graph: &Graph,
    layout: &Layout,
    component: &[usize],
    edges: &[usize],
) -> BTreeMap<usize, usize> {
    let mut ranks: BTreeMap<usize, usize> = component.iter().map(|node| (*node, 0)).collect();
    // As many rounds as the longest way has steps; there are no circles.
    loop {
        let mut moved = false;
        for &at in edges {
            let (from, to) = ends(graph, layout, at);
            let least = ranks[&from] + 1;
            if ranks[&to] < least {
                ranks.insert(to, least);
                moved = true;
            }
        }
        if !moved {
            return ranks;
        }
    }
}

type Layers = Vec<Vec<Spot>>;
/// The neighbours of each spot: to the left, and to the right.
type Near = BTreeMap<Spot, (Vec<Spot>, Vec<Spot>)>;

fn layers(
    graph: &Graph,
    layout: &Layout,
    ranks: &BTreeMap<usize, usize>,
    edges: &[usize],
) -> (Layers, Near) {
    let last = ranks.values().copied().max().unwrap_or_default();
    let mut layers: Layers = vec![Vec::new(); last + 1];
    for (node, rank) in ranks {
        layers[*rank].push(Spot::Node(*node));
    }
    let mut near = Near::new();
    for &at in edges {
        let (from, to) = ends(graph, layout, at);
        let mut before = Spot::Node(from);
        for (rank, layer) in layers.iter_mut().enumerate().skip(ranks[&from] + 1) {
            let spot = if rank < ranks[&to] {
                let bend = Spot::Bend(at, rank);
                layer.push(bend);
                bend
            } else {
                Spot::Node(to)
            };
            near.entry(before).or_default().1.push(spot);
            near.entry(spot).or_default().0.push(before);
            before = spot;
            if rank >= ranks[&to] {
                break;
            }
        }
    }
    (layers, near)
}

/// Orders each layer by the middle of its neighbours in the layer before, or behind.
fn improve(layers: &mut Layers, near: &Near, backwards: bool) {
    let mut order: Vec<usize> = (0..layers.len()).collect();
    if backwards {
        order.reverse();
    }
    let mut positions: BTreeMap<Spot, f64> = BTreeMap::new();
    for at in order {
        let layer = &mut layers[at];
        let middle = |spot: &Spot, own: usize| {
            let sides = near.get(spot);
            let side = sides.map(|(left, right)| if backwards { right } else { left });
            let known: Vec<f64> = side
                .into_iter()
                .flatten()
                .filter_map(|one| positions.get(one).copied())
                .collect();
            mean(&known).unwrap_or(f64::from(u32::try_from(own).unwrap_or(u32::MAX)))
        };
        let mut sorted: Vec<(f64, Spot)> = layer
            .iter()
            .enumerate()
            .map(|(own, spot)| (middle(spot, own), *spot))
            .collect();
        sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        *layer = sorted.into_iter().map(|(_, spot)| spot).collect();
        for (place, spot) in (0_u32..).zip(layer.iter()) {
            positions.insert(*spot, f64::from(place));
        }
    }
}

/// The middle of each spot: near its neighbours, and not on top of another.
fn heights(layers: &Layers, near: &Near) -> BTreeMap<Spot, f64> {
    let mut ys: BTreeMap<Spot, f64> = BTreeMap::new();
    for layer in layers {
        let mut y = 0.0;
        for spot in layer {
            ys.insert(*spot, y + size(spot) / 2.0);
            y += size(spot) + GAP;
        }
    }
    for _ in 0..SWEEPS {
        for layer in layers.iter().chain(layers.iter().rev()) {
            let wanted: Vec<f64> = layer
                .iter()
                .map(|spot| {
                    let all = near.get(spot).into_iter();
                    let all = all.flat_map(|(left, right)| left.iter().chain(right));
                    let all: Vec<f64> = all.map(|one| ys[one]).collect();
                    mean(&all).unwrap_or(ys[spot])
                })
                .collect();
            apart(layer, &wanted, &mut ys);
        }
    }
    let least = ys.iter().map(|(spot, y)| y - size(spot) / 2.0);
    let least = least.fold(f64::INFINITY, f64::min);
    ys.values_mut().for_each(|y| *y -= least);
    ys
}

/// Gives each spot of a layer the place that it wants, pushed apart, and the whole layer moved
/// so that it is on the average where it wants to be.
fn apart(layer: &[Spot], wanted: &[f64], ys: &mut BTreeMap<Spot, f64>) {
    let mut last = f64::NEG_INFINITY;
    let mut placed = Vec::with_capacity(layer.len());
    for (spot, want) in layer.iter().zip(wanted) {
        let y = want.max(last + size(spot) / 2.0);
        placed.push(y);
        last = y + size(spot) / 2.0 + GAP;
    }
    let off: Vec<f64> = wanted.iter().zip(&placed).map(|(w, p)| w - p).collect();
    let shift = mean(&off).unwrap_or_default();
    for (spot, y) in layer.iter().zip(placed) {
        ys.insert(*spot, y + shift);
    }
}

fn size(spot: &Spot) -> f64 {
    match spot {
        Spot::Node(_) => NODE_HEIGHT,
        Spot::Bend(..) => 6.0,
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u32::try_from(values.len())
        .ok()
        .filter(|count| *count > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(count))
}
