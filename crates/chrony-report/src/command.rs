//! The command line. A report is a command because it is in the list of reports; none is named here.

use crate::output::Output;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use libchrony::{Address, REPORTS, Table};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What chronyd, the NTP daemon, reports, and whether the clock is right.
///
/// Without a command it says on one screen whether the clock is right, and what to do if it is not.
#[derive(Debug, Parser)]
#[command(name = "chrony-report", version, max_term_width = 100, subcommand_value_name = "COMMAND")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All reports, one after the other
    All(Output),
    /// Any report that the loaded libchrony knows, by its name
    Get(Get),
    /// The reports that there are
    List(List),
    /// The JSON Schema of a report's rows
    Schema {
        /// The name of the report
        report: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The name of the report, as `chrony-report list` has it
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which chronyds are asked, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Chronyds {
    /// Ask the chronyd at ADDRESS: the path of its Unix socket, or a host with or without a port. Repeatable. By
    /// default, the usual sockets are tried, then the command port on this machine
    #[arg(short = 'H', long = "host", value_name = "ADDRESS", global = true, value_parser = address_parser())]
    pub(crate) hosts: Vec<Address>,
    /// Ask the chronyds whose addresses are in FILE, one a line; `#` begins a comment, `-` is the standard input
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) hosts_file: Option<PathBuf>,
    /// How long one chronyd may take for all that it is asked
    #[arg(long, value_name = "TIME", default_value = "5s", global = true, value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Say on standard error which libchrony was loaded, what was asked, and how long that took
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// One report is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) table: &'static Table,
    pub(crate) chronyds: Chronyds,
    pub(crate) output: Output,
}

/// The whole command line, with a command for each report.
pub(crate) fn command() -> clap::Command {
    REPORTS.iter().fold(Cli::command(), |command, table| {
        let about = first_sentence(table.doc);
        let report = clap::Command::new(name(table)).about(about).long_about(table.doc);
        command.subcommand(Output::augment_args(report))
    })
}

/// The report that is asked for, if it is one.
pub(crate) fn report(matches: &clap::ArgMatches) -> Option<Asked> {
    let (asked, options) = matches.subcommand()?;
    let table = REPORTS.iter().find(|table| name(table) == asked)?;
    let chronyds = Chronyds::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let output = Output::from_arg_matches(options).unwrap_or_else(|error| error.exit());
    Some(Asked { table, chronyds, output })
}

/// The name of a report.
pub(crate) fn name(table: &Table) -> &'static str {
    table.name.to_str().unwrap_or_default()
}

/// The first sentence of a text, without its stop.
pub(crate) fn first_sentence(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = words.split(". ").next().unwrap_or_default();
    sentence.trim_end_matches('.').to_owned()
}

/// An address; a path need not be UTF-8.
fn address_parser() -> impl clap::builder::TypedValueParser<Value = Address> {
    use clap::builder::{OsStringValueParser, TypedValueParser};
    OsStringValueParser::new().try_map(|text: OsString| Address::parse(text))
}

/// A time with units, such as `5s`, `1m30s` or `200ms`; a number alone is of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = || text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let friendly = || text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let time = seconds().or_else(friendly).filter(|time| !time.is_zero());
    time.ok_or_else(|| "not a time longer than 0, such as 5s, 1m30s or 200ms".to_owned())
}
