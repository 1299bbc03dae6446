//! Shards that change hands: kills, pauses, joins and leaves, damaged tokens, gaps, odd input.
//!
//! One test binary, so that all tests share the broker of the run.

mod away;
mod channels;
mod front_door;
mod gap;
mod held;
mod kill;
mod order;
mod pause;
mod reluctance;
mod rolling;
mod rules;
mod scene;
mod share;
mod time;
mod token;
mod unbound;
mod volume;
