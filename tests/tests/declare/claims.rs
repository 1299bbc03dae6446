//! docs/declare.md names a test for each claim, and each of these tests exists.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use tests::{Outcome, repository};

/// What people complain of in other tools, as the tests are called that show what ours does.
const COMPLAINTS: [&str; 18] = [
    "plan_and_diff",
    "ownership",
    "conflicts",
    "silent_acceptance",
    "prune",
    "recreating_a_queue",
    "export",
    "graph",
    "exit_codes",
    "scale",
    "inequivalent_arguments",
    "changes_that_silently_do_not_apply",
    "fear_of_losing_messages",
    "drift_that_nobody_repairs",
    "stale_bindings_that_amqp_cannot_list",
    "false_changes_in_a_dry_run",
    "classic_to_quorum",
    "slowness_at_scale",
];

/// The names of the tests in a file of the repository.
fn tests_in(path: &str) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(repository(path)).with_context(|| path.to_owned())?;
    // An attribute, or several, and then the function.
    let named = text.split("#[test]").skip(1).filter_map(|behind| {
        let (_, name) = behind.split_once("fn ")?;
        name.split(['(', '<']).next()
    });
    Ok(named.map(str::to_owned).collect())
}

#[test]
fn every_test_that_the_page_names_exists() -> Outcome {
    let page = fs::read_to_string(repository("docs/declare.md"))?;
    let (_, table) = page
        .split_once("## Beside other tools")
        .context("the comparison")?;
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let claim = row.rsplit('|').nth(1).unwrap_or_default();
        let mut file = String::new();
        for word in claim.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                file = match word.split_once('/') {
                    Some(_) => word.to_owned(),
                    None => format!("tests/tests/declare/{word}"),
                };
                tests_in(&file)?;
            } else if word.contains('_') {
                ensure!(tests_in(&file)?.contains(word), "{file} has no test {word}");
                named += 1;
            }
        }
    }
    ensure!(named > 25, "only {named} tests are named");
    Ok(())
}

#[test]
fn every_complaint_has_a_test_named_after_it() -> Outcome {
    let mut all = BTreeSet::new();
    for file in fs::read_dir(repository("tests/tests/declare"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        all.extend(tests_in(&format!("tests/tests/declare/{name}"))?);
    }
    for complaint in COMPLAINTS {
        let shown = all.iter().any(|test| test.contains(complaint));
        ensure!(shown, "no test is named after {complaint}");
    }
    Ok(())
}
