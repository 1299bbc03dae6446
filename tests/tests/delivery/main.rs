//! What is delivered, counted at the sinks: each alert once, whatever is killed when.

mod alerts;
mod cell;
mod document;
mod ledger;
mod matrix;
mod point;
mod route;
