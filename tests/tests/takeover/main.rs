//! Shards that change hands: kills, pauses, joins and leaves, damaged tokens, gaps, odd input.
//!
//! One test binary, so that all tests share the broker of the run.

mod away;
mod front_door;
mod gap;
mod kill;
mod pause;
mod rolling;
mod rules;
mod scene;
mod share;
mod time;
mod token;
mod volume;
