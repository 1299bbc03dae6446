//! Shards that change hands: kills, pauses, joins and leaves, damaged tokens, gaps, odd input.
//!
//! One test binary, so that all tests share the broker of the run. Tests begin in the order of
//! their modules' names: what takes long has a name that comes early, so that it does not go on alone
//! at the end.

mod away;
mod bindings;
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
mod volume;
