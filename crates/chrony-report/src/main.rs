//! `chrony-report`: what chronyd reports, for people and for programs, and whether the clock is right.
//!
//! It stands above the crate `libchrony`, which reads the reports. Here they are joined, judged and shown.

mod args;
mod cli;
mod commands;
mod error;
mod picture;
mod print;
mod read;
mod sheet;
mod timeline;

fn main() -> std::process::ExitCode {
    cli::run().into()
}
