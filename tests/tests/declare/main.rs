//! What `declare` promises, shown on real brokers of both ends of the supported range.
//!
//! One test binary, so that all tests share the brokers of the run. A test is named after what
//! people complain of in other tools. Tests begin in the order of their modules' names: what takes
//! long has a name that comes early, so that it does not go on alone at the end.

mod access;
mod apply;
mod around;
mod at_scale;
mod broken;
mod claims;
mod drift;
mod json;
mod late;
mod migrate;
mod mutation;
mod parameters;
mod patience;
mod property;
mod proxy;
mod prune;
mod route;
mod scripts;
mod target;
mod terminal;
mod tls;
mod truth;
mod world;
