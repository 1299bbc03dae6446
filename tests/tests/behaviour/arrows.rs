//! The arrows between the crates and the purity of some, as cargo sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::ARCH;

use anyhow::{Context, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};
use tests::{Outcome, repository};

/// No clock, no randomness, no I/O: what comes in are arguments, what goes out are values.
const PURE: [&str; 4] = ["book", "oracle", "topology", "trade"];
const IMPURE: [&str; 6] = ["tokio", "mio", "lapin", "rand", "reqwest", "rusqlite"];

#[test]
fn no_crate_depends_on_a_program() -> Outcome {
    let metadata = metadata()?;
    // A library may bring a small program along (private-broker does); it is a library still.
    let is_program = |package: &Package| {
        let has = |kind: TargetKind| package.targets.iter().any(|t| t.kind.contains(&kind));
        has(TargetKind::Bin) && !has(TargetKind::Lib)
    };
    let members = metadata.workspace_packages();
    let programs: BTreeSet<_> = members
        .iter()
        .filter(|package| is_program(package))
        .map(|p| p.name.as_str())
        .collect();
    for program in ["auditor", "channel-boy", "declare", "demo", "publisher"] {
        ensure!(programs.contains(program), "{program} should be a program");
    }
    for package in members {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            ensure!(
                !programs.contains(name),
                "{} depends on program {name}",
                package.name
            );
        }
    }
    Ok(())
}

#[test]
fn pure_crates_reach_no_runtime_no_broker_and_no_randomness() -> Outcome {
    let metadata = metadata()?;
    for name in PURE {
        let reached = reached_from(name, &metadata)?;
        ensure!(
            !reached.is_empty(),
            "the graph of {name} should hold what it uses"
        );
        let impure: Vec<_> = IMPURE
            .iter()
            .filter(|impure| reached.contains(**impure))
            .collect();
        ensure!(impure.is_empty(), "{name} reaches {impure:?}");
    }
    Ok(())
}

#[test]
fn only_the_broker_crate_and_its_witnesses_speak_amqp() -> Outcome {
    let metadata = metadata()?;
    let speaks = |package: &&Package| {
        package
            .dependencies
            .iter()
            .any(|d| d.name.contains("lapin"))
    };
    let speakers: BTreeSet<_> = metadata
        .workspace_packages()
        .into_iter()
        .filter(speaks)
        .map(|p| p.name.as_str())
        .collect();
    ensure!(
        speakers == BTreeSet::from(["benchmark", "broker", "tests"]),
        "{speakers:?}"
    );
    Ok(())
}

#[test]
fn the_engine_knows_nothing_of_trades() -> Outcome {
    let reached = reached_from("engine", &metadata()?)?;
    for name in ["trade", "book"] {
        ensure!(!reached.contains(name), "engine reaches {name}");
    }
    Ok(())
}

#[test]
fn no_file_is_named_after_nothing() -> Outcome {
    let mut folders = vec![repository("")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else {
                let nothing = [
                    "util.rs",
                    "utils.rs",
                    "helpers.rs",
                    "common.rs",
                    "misc.rs",
                    "mod.rs",
                ];
                ensure!(
                    !nothing.contains(&name.as_str()),
                    "name the noun of {}",
                    path.display()
                );
            }
        }
    }
    Ok(())
}

fn metadata() -> anyhow::Result<Metadata> {
    let here = format!("{ARCH}-unknown-linux-gnu");
    MetadataCommand::new()
        .manifest_path(repository("Cargo.toml"))
        .other_options(["--locked", "--filter-platform", &here].map(String::from))
        .exec()
        .context("run cargo metadata")
}

/// The names of all crates that a crate needs at run time, directly or not.
fn reached_from(name: &str, metadata: &Metadata) -> anyhow::Result<BTreeSet<String>> {
    let graph = metadata
        .resolve
        .as_ref()
        .context("cargo metadata without a graph")?;
    let nodes: BTreeMap<&PackageId, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == name);
    let mut open = vec![&start.with_context(|| format!("no crate {name}"))?.id];
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let normal = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            if normal && reached.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    Ok(reached
        .into_iter()
        .map(|id| metadata[id].name.to_string())
        .collect())
}
