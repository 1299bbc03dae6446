//! The crash matrix: every point, every class of sinks, every policy.

use std::fmt::Write;

use anyhow::ensure;
use private_broker::Release;
use private_postgres::PrivatePostgres;
use tests::{Outcome, on_a_stage};

use crate::at_once::play_all;
use crate::cell::{Cell, Keeper, Seen};
use crate::document;
use crate::point::Point;
use crate::route::Route;
use crate::sinks::Sinks;

#[test]
fn killed_at_any_point_the_sinks_count_and_the_ledgers_word_are_as_promised() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let (sinks, postgres) = (Sinks::start(stage)?, PrivatePostgres::start()?);
        let played = play_all(stage, &cells(), |cell, amqp| {
            cell.play(stage, &sinks, &postgres, amqp)
        })?;
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

/// Every class.
const ROUTES: [Route; 12] = [
    Route::Sms,
    Route::Email,
    Route::Apns,
    Route::Fcm,
    Route::CommandFile,
    Route::Nrdp,
    Route::Nsca,
    Route::Icinga2,
    Route::Webhook,
    Route::Amqp,
    Route::File,
    Route::Stdout,
];

/// Every class, with a file for a ledger and on a server.
fn rows() -> impl Iterator<Item = (Route, Keeper)> {
    let keepers = [Keeper::Sqlite, Keeper::Postgres].into_iter();
    keepers.flat_map(|keeper| ROUTES.map(|route| (route, keeper)))
}

/// Every cell that there is.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (route, keeper) in rows() {
        for &policy in route.policies() {
            let points = Point::ALL.into_iter();
            let points = points.filter(|point| *point != Point::Taken || route.replies());
            cells.extend(points.map(|point| Cell {
                route,
                policy,
                point,
                keeper,
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
    for (route, keeper) in rows() {
        for &policy in route.policies() {
            let cell = |point| Cell {
                route,
                policy,
                point,
                keeper,
            };
            let row = cell(Point::Received).row();
            let _ = write!(table, "| {row} | {} |", policy.name());
            for point in Point::ALL {
                let found = played.iter().find(|(played, _)| *played == cell(point));
                let entry = found.map_or(String::new(), |(_, seen)| seen.entry());
                let _ = write!(table, " {entry} |");
            }
            table += "\n";
        }
    }
    table
}
