//! What `declare` promises, shown on real brokers of both ends of the supported range.
//!
//! One test binary, so that all tests share the brokers of the run. A test is named after what
//! people complain of in other tools.

mod access;
mod apply;
mod around;
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
mod scale;
mod scripts;
mod target;
mod terminal;
mod tls;
mod truth;
mod world;
