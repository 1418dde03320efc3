//! The commands that print reports: one by its name, all, or any that libchrony knows.

use crate::args::{Chronyds, duration};
use crate::error::{Code, FAILED, FINE, Failure};
use crate::print::{Format, Printer};
use crate::read::reader::Reader;
use crate::sheet::report::{Report, find};
use crate::sheet::{Answer, Sheet, column};
use clap::Args;
use libchrony::Table;
use std::time::{Duration, Instant};

/// The options of all commands that print reports.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// For people (text), or values as chronyd has them: an array of rows (json), a row a line (jsonl), or csv with a
    /// header. What never was, is unknown or does not exist is null in JSON, and empty in CSV
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Read again every TIME, until interrupted; JSON is an array for each round
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

/// The options of `get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The names of reports, as `chrony-report list` has them
    #[arg(required = true, value_name = "REPORT")]
    names: Vec<String>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Adds the options and the help to the command of a report.
pub(crate) fn of_report(command: clap::Command) -> clap::Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let name = command.get_name().to_owned();
    let examples = format!("Examples:\n  $ chrony-report {name}\n  $ chrony-report {name} --format json");
    let fields = find(&name).map(fields).unwrap_or_default();
    Options::augment_args(command)
        .about(about)
        .long_about(None)
        .after_long_help(format!("{examples}\n\n{fields}"))
        .after_help(examples)
}

/// Lists the fields of a report with their meanings.
fn fields(table: &Table) -> String {
    let line = |column: column::Column| format!("\n  {}: {}", column.name, column.meaning());
    let columns = column::of_table(table).into_iter();
    columns.map(line).fold("Fields, by their names in JSON and CSV:".to_owned(), |text, line| text + &line)
}

/// Prints the report of a command.
pub(crate) fn run(chronyds: &Chronyds, table: &'static Table, options: &Options) -> Result<Code, Failure> {
    let mut reader = Reader::new(chronyds)?;
    repeat(&mut reader, options, &[Report::Known(table)], Sheet::has_failed)
}

/// Prints all reports. A report that chronyd is not configured to have is not a failure.
pub(crate) fn all(chronyds: &Chronyds, options: &Options) -> Result<Code, Failure> {
    refuse_csv(options)?;
    let mut reader = Reader::new(chronyds)?;
    let reports = reader.all();
    let is_missing = |answer: &Answer| answer.rows.is_err() && !answer.is_not_available();
    repeat(&mut reader, options, &reports, |sheet| sheet.answers.iter().any(is_missing))
}

/// Prints the named reports.
pub(crate) fn get(chronyds: &Chronyds, Get { names, options }: &Get) -> Result<Code, Failure> {
    if names.len() > 1 {
        refuse_csv(options)?;
    }
    let mut reader = Reader::new(chronyds)?;
    let reports = reader.find(names)?;
    repeat(&mut reader, options, &reports, Sheet::has_failed)
}

fn refuse_csv(options: &Options) -> Result<(), Failure> {
    if options.format == Format::Csv {
        return Err(Failure::Usage("CSV has one header, so it is of one report; name one, or use jsonl".to_owned()));
    }
    Ok(())
}

/// Reads and prints, once or periodically.
fn repeat(
    reader: &mut Reader,
    options: &Options,
    reports: &[Report],
    has_failed: impl Fn(&Sheet) -> bool,
) -> Result<Code, Failure> {
    let mut printer = Printer::new(options.format, options.every.is_some(), reader.is_many());
    let mut next = Instant::now();
    loop {
        let sheets = reader.read(reports)?;
        printer.print(&sheets)?;
        let Some(every) = options.every else {
            return Ok(if sheets.iter().any(has_failed) { FAILED } else { FINE });
        };
        // A round that takes longer than the interval delays the next ones.
        next = (next + every).max(Instant::now());
        reader.wait_until(next)?;
    }
}
