//! What Aldebaran does, shown end to end: the real programs, real brokers, a real mail server.
//!
//! One test binary, so that all tests share the brokers of the run.

mod arrows;
mod auditor;
mod channel_boy;
mod clients;
mod declare;
mod demo;
mod harness;
mod publisher;
mod tls;
