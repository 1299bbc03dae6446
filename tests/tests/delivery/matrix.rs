//! The crash matrix: every point, every class of sinks, every policy.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use private_broker::Release;
use tests::{CountingSink, Outcome, on_a_stage};

use crate::cell::{Cell, Ground, Seen};
use crate::document;
use crate::point::{Point, Policy};
use crate::route::Route;

/// Cells at a time. Each waits more than it works.
const AT_ONCE: usize = 8;

#[test]
fn killed_at_any_point_the_sinks_count_and_the_ledgers_word_are_as_promised() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sink = CountingSink::start()?;
        let ground = Ground { stage, sink: &sink };
        let played = play(cells(), &ground)?;
        let table = table(&played);
        println!("{table}");
        for (cell, seen) in &played {
            let expected = cell.point.ending(cell.policy);
            ensure!(
                (seen.accepted, seen.word.as_str()) == (expected.accepted, expected.word),
                "{}: {seen:?} instead of {expected:?}\n{table}",
                cell.name()
            );
            // Counted once more, now that all is long over.
            ensure!(cell.accepted(&ground)? == seen.accepted, "{}", cell.name());
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
            let points = points.filter(|point| route.replies() || *point != Point::Taken);
            cells.extend(points.map(|point| Cell {
                route,
                policy,
                point,
            }));
        }
    }
    cells
}

/// Plays the cells, some at a time; gives them in their order. The first failure ends it.
fn play(cells: Vec<Cell>, ground: &Ground<'_>) -> Result<Vec<(Cell, Seen)>> {
    let count = cells.len();
    let open: Mutex<VecDeque<_>> = Mutex::new(cells.into_iter().enumerate().collect());
    let worker = || -> Result<Vec<_>> {
        let amqp = ground.stage.amqp()?;
        let mut played = Vec::new();
        loop {
            let next = open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some((number, cell)) = next else {
                return Ok(played);
            };
            let seen = cell.play(ground, &amqp).inspect_err(|_| {
                open.lock().unwrap_or_else(PoisonError::into_inner).clear();
            })?;
            played.push((number, (cell, seen)));
        }
    };
    let mut played = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let mut played = Vec::new();
        for worker in workers {
            played.extend(worker.join().map_err(|_| anyhow!("a cell panicked"))??);
        }
        Ok::<_, anyhow::Error>(played)
    })?;
    ensure!(played.len() == count, "{} of {count} cells", played.len());
    played.sort_by_key(|(number, _)| *number);
    Ok(played.into_iter().map(|(_, cell)| cell).collect())
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
    match played.iter().find(|(cell, _)| of_it(cell)) {
        None => String::new(),
        Some((_, seen)) if seen.word == "delivered" => seen.accepted.to_string(),
        Some((_, seen)) if seen.word == "in_doubt" => format!("{} ?", seen.accepted),
        Some((_, seen)) => format!("{} {}", seen.accepted, seen.word),
    }
}
