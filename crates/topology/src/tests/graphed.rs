//! Pictures of topologies.

use super::{SHIPPED, valid};
use crate::{Graph, Overrides, Scope, State, diff};

#[test]
fn every_form_names_every_object_and_well_formed() {
    let state = valid(SHIPPED, &Overrides::default()).state();
    let graph = Graph::of(&state, None, false);
    for text in [graph.svg(), graph.dot(), graph.mermaid()] {
        for name in [
            "Aldebaran.Alert.email",
            "Aldebaran.Shards.4-3",
            "Aldebaran.Rejected",
        ] {
            assert!(text.contains(name), "{name}\n{text}");
        }
    }
    let folded = Graph::of(&state, None, true).svg();
    assert!(folded.contains("Aldebaran.Shards.4-*") && !folded.contains("Shards.4-3<"));
    assert!(folded.contains("4 × stream"), "{folded}");
}

#[test]
fn a_plan_colours_what_it_would_do() {
    let state = valid(SHIPPED, &Overrides::default()).state();
    let plan = diff(&state, &State::default(), &Scope::default());
    let svg = Graph::of(&state, Some(&plan), true).svg();
    assert!(svg.contains("· create") && svg.contains("#16a34a"));
    let nothing = diff(&state, &state, &Scope::default());
    let svg = Graph::of(&state, Some(&nothing), true).svg();
    assert!(!svg.contains("· create") && svg.contains("as wanted"));
}

#[test]
fn odd_names_and_circles_do_not_break_a_picture() {
    let text = "[exchange.\"<a & \\\"b\\\">\"]\ntype = \"fanout\"\nbindings = [{ from = \"c\" }, { from = \"<a & \\\"b\\\">\" }]\n\
                [exchange.c]\ntype = \"fanout\"\narguments.alternate-exchange = \"c\"\nbindings = [{ from = \"<a & \\\"b\\\">\" }]";
    let graph = Graph::of(&valid(text, &Overrides::default()).state(), None, true);
    let svg = graph.svg();
    assert!(
        svg.contains("&lt;a &amp; &quot;b&quot;&gt;") && !svg.contains("NaN"),
        "{svg}"
    );
    assert!(graph.dot().contains("\\\"b\\\""));
    assert!(graph.mermaid().contains("#60;a #38; #34;b"));
    assert!(!Graph::default().svg().contains("NaN"));
}
