//! `chrony-report`: what chronyd reports, for people and for programs, and whether the clock is right.
//!
//! It stands above the crate `libchrony`, which reads the reports. Here they are joined, judged and shown.

// The start is in `start`; tests have one of their own.
#![cfg_attr(all(target_env = "gnu", not(test)), no_main)]

mod args;
mod cli;
mod commands;
mod error;
mod picture;
mod print;
mod read;
mod sheet;
#[cfg(all(target_env = "gnu", not(test)))]
mod start;
mod timeline;

#[cfg(any(test, not(target_env = "gnu")))]
fn main() -> std::process::ExitCode {
    cli::run().into()
}
