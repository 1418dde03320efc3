//! `chrony-report`: what chronyd reports, for people and for programs, and whether the clock is right.
//!
//! It stands above the crate `libchrony`, which reads the reports. Here they are joined, judged and shown.

mod ask;
mod check;
mod columns;
mod command;
mod datum;
mod error;
mod facts;
mod generate;
mod judge;
mod list;
mod live;
mod names;
mod output;
mod plot;
mod recording;
mod reports;
mod rows;
mod schema;
mod series;
mod signals;
mod status;
mod table;
mod text;
mod wait;
mod watch;

use clap::FromArgMatches;
use command::{Cli, Command};
use error::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let matches = command::command().try_get_matches().unwrap_or_else(|error| check::refuse(&error));
    let result = match command::report(&matches) {
        Some(asked) => reports::run(&asked),
        None => match Cli::from_arg_matches(&matches) {
            Ok(cli) => run(&cli),
            Err(error) => error.exit(),
        },
    };
    result.unwrap_or_else(|failure| failure.report())
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Some(Command::All(options)) => reports::all(&cli.chronyds, options),
        Some(Command::Check(options)) => Ok(check::run(&cli.chronyds, options)),
        Some(Command::Get(asked)) => reports::get(&cli.chronyds, asked),
        Some(Command::Judgement) => check::rules(),
        Some(Command::List(options)) => list::run(&cli.chronyds, options),
        Some(Command::Schema { report }) => schema::print(report),
        Some(Command::Generate { folder }) => generate::run(folder),
        Some(Command::Wait(options)) => wait::run(&cli.chronyds, options),
        None => Ok(status::run(&cli.chronyds)),
        Some(Command::Plot(options)) => plot::run(&cli.chronyds, options),
        Some(Command::Watch(options)) => watch::run(&cli.chronyds, options),
    }
}
