//! What a person sees: files in, objects or messages out.

mod any_text;
mod compared;
mod exported;
mod graphed;
mod imported;
mod read;
mod refused;
mod routed;
mod schema;
mod sections;
mod shipped;

use crate::{Overrides, Source, Topology, load};

const SHIPPED: &str = include_str!("../../../topology.toml");

fn source(text: &str) -> Source {
    Source {
        name: "t.toml".to_owned(),
        text: text.to_owned(),
    }
}

fn set(name: &str, value: &str) -> Overrides {
    Overrides {
        from_command_line: vec![(name.to_owned(), value.to_owned())],
        ..Overrides::default()
    }
}

fn valid(text: &str, overrides: &Overrides) -> Topology {
    load(&source(text), overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of a file as they are printed.
fn problems(text: &str) -> Vec<String> {
    told(text, &Overrides::default())
}

fn told(text: &str, overrides: &Overrides) -> Vec<String> {
    load(&source(text), overrides)
        .expect_err("the file is valid")
        .iter()
        .map(ToString::to_string)
        .collect()
}
