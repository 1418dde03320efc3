//! `chrony-report`: what chronyd reports, for people and for programs, and whether the clock is right.
//!
//! It stands above the crate `libchrony`, which reads the reports. Here they are joined, judged and shown.

// The start is in `start`; tests have one of their own.
#![cfg_attr(all(target_env = "gnu", not(test)), no_main)]

mod cli;
mod commands;
mod error;
mod facts;
mod judge;
mod picture;
mod print;
mod read;
mod sheet;
#[cfg(all(target_env = "gnu", not(test)))]
mod start;
mod timeline;

use clap::FromArgMatches;
use cli::generate;
use cli::{Chronyds, Cli, Command};
use commands::{check, list, plot, reports, status, wait, watch};
use error::{Code, Failure};
use sheet::schema;

#[cfg(any(test, not(target_env = "gnu")))]
fn main() -> std::process::ExitCode {
    report().into()
}

/// Does what the command line asks for.
fn report() -> Code {
    let result = cli::report().map_or_else(command, |asked| reports::run(&asked));
    result.unwrap_or_else(|failure| failure.report())
}

/// Any other command, or a command line that is wrong.
fn command() -> Result<Code, Failure> {
    let matches = cli::command().try_get_matches().unwrap_or_else(|error| check::refuse(&error));
    let cli = Cli::from_arg_matches(&matches).and_then(|cli| Ok(Cli { chronyds: Chronyds::of(&matches)?, ..cli }));
    cli.map_or_else(|error| error.exit(), |cli| run(&cli))
}

fn run(cli: &Cli) -> Result<Code, Failure> {
    match &cli.command {
        Some(Command::All(options)) => reports::all(&cli.chronyds, options),
        Some(Command::Check(options)) => Ok(check::run(&cli.chronyds, options)),
        Some(Command::Get(asked)) => reports::get(&cli.chronyds, asked),
        Some(Command::Judgement) => check::rules(),
        Some(Command::List(options)) => list::run(&cli.chronyds, options),
        Some(Command::Schema { report }) => schema::print(report),
        Some(Command::Generate { folder }) => generate::run(folder),
        Some(Command::Plot(options)) => plot::run(&cli.chronyds, options),
        Some(Command::Wait(options)) => wait::run(&cli.chronyds, options),
        Some(Command::Watch(options)) => watch::run(&cli.chronyds, options),
        None => Ok(status::run(&cli.chronyds)),
    }
}
