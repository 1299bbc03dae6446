//! The crash matrix: every point, every class of sinks, every policy.

use std::fmt::Write;

use anyhow::ensure;
use private_broker::Release;
use tests::{Outcome, on_a_stage};

use crate::at_once::play_all;
use crate::cell::{Cell, Seen};
use crate::document;
use crate::point::{Point, Policy};
use crate::route::Route;
use crate::sinks::Sinks;

#[test]
fn killed_at_any_point_the_sinks_count_and_the_ledgers_word_are_as_promised() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let played = play_all(stage, &cells(), |cell, amqp| cell.play(stage, &sinks, amqp))?;
        let table = table(&played);
        println!("{table}");
        for (cell, seen) in &played {
            let (name, expected) = (cell.name(), cell.point.ending(cell.policy));
            ensure!(
                seen.is(expected),
                "{name}: {seen:?} instead of {expected:?}"
            );
            // Counted once more, now that all is long over.
            ensure!(
                cell.accepted(&seen.order, stage, &sinks)? == seen.accepted,
                "{name}"
            );
        }
        document::says("the crash matrix", &table)
    })
}

/// Every cell that there is.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for route in Route::ALL {
        for &policy in route.policies() {
            let points = Point::ALL.into_iter();
            let points = points.filter(|point| *point != Point::Taken || route.replies());
            cells.extend(points.map(|point| Cell {
                route,
                policy,
                point,
            }));
        }
    }
    cells
}

/// A row for each class and policy, a column for each point.
fn table(played: &[(Cell, Seen)]) -> String {
    let mut table = String::from("| sink | policy |");
    for point in Point::ALL {
        let _ = write!(table, " {} |", point.name());
    }
    table += "\n|---|---|";
    table += &"---|".repeat(Point::ALL.len());
    table += "\n";
    for route in Route::ALL {
        for &policy in route.policies() {
            let _ = write!(table, "| {} | {} |", route.name(), policy.name());
            for point in Point::ALL {
                let _ = write!(table, " {} |", entry(played, route, policy, point));
            }
            table += "\n";
        }
    }
    table
}

fn entry(played: &[(Cell, Seen)], route: Route, policy: Policy, point: Point) -> String {
    let of_it = |cell: &Cell| (cell.route, cell.policy, cell.point) == (route, policy, point);
    let found = played.iter().find(|(cell, _)| of_it(cell));
    found.map_or(String::new(), |(_, seen)| seen.entry())
}
