//! What is delivered, counted at the sinks: each alert once, whatever is killed when.

mod approach;
mod at_once;
mod bad_day;
mod bus;
mod cell;
mod channel;
mod document;
mod hurry;
mod ledger;
mod matrix;
mod operator;
mod paused;
mod point;
mod real;
mod route;
mod shared;
mod sinks;
mod storm;
mod twilio;
mod undelivered;
