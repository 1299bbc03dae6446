//! What `declare` promises, shown on real brokers of both ends of the supported range.
//!
//! One test binary, so that all tests share the brokers of the run. A test is named after what
//! people complain of in other tools.

mod access;
mod apply;
mod around;
mod drift;
mod migrate;
mod property;
mod prune;
mod route;
mod scripts;
mod tls;
mod truth;
mod world;
