//! Runs the program as a process, on real chronyds and on scripted ones.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod check;
mod clocks;
mod examples;
mod explain;
mod formats;
mod generated;
mod hosts;
mod judge;
mod people;
mod plot;
mod recording;
mod replay;
mod reports;
mod site;
mod status;
mod support;
mod surroundings;
mod terminal;
mod tty;
mod wait;
mod watch;
