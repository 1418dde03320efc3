//! The command `chrony-report`, which prints chronyd's reports and judges the clock.
//!
//! The crate `libchrony` reads the reports, and `chrony-health` judges them. This program parses the command line, and
//! prints the results.

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
