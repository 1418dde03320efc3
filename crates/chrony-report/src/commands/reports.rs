//! The commands that print reports: each by its name, all of them, and any that libchrony knows.

use crate::cli::{Asked, Chronyds, Get};
use crate::error::{Code, FAILED, FINE, Failure};
use crate::print::{Format, Output, Printer};
use crate::read::reader::{Reader, Report};
use crate::sheet::{Answer, Sheet};
use std::time::Instant;

/// A report by its name.
pub(crate) fn run(asked: &Asked) -> Result<Code, Failure> {
    let mut reader = Reader::new(&asked.chronyds)?;
    repeat(&mut reader, &asked.output, &[Report::Known(asked.table)], Sheet::has_failed)
}

/// All reports. chronyd need not be configured to have each of them.
pub(crate) fn all(chronyds: &Chronyds, output: &Output) -> Result<Code, Failure> {
    refuse_csv(output)?;
    let mut reader = Reader::new(chronyds)?;
    let reports = reader.all()?;
    let is_missing = |answer: &Answer| answer.rows.is_err() && !answer.is_not_available();
    repeat(&mut reader, output, &reports, |sheet| sheet.answers.iter().any(is_missing))
}

/// Any reports.
pub(crate) fn get(chronyds: &Chronyds, asked: &Get) -> Result<Code, Failure> {
    if asked.names.len() > 1 {
        refuse_csv(&asked.output)?;
    }
    let mut reader = Reader::new(chronyds)?;
    let reports = reader.find(&asked.names)?;
    repeat(&mut reader, &asked.output, &reports, Sheet::has_failed)
}

fn refuse_csv(output: &Output) -> Result<(), Failure> {
    if output.format == Format::Csv {
        return Err(Failure::Usage("CSV has one header, so it is of one report; name one, or use jsonl".to_owned()));
    }
    Ok(())
}

/// Reads and prints, once or again and again.
fn repeat(
    reader: &mut Reader,
    output: &Output,
    reports: &[Report],
    has_failed: impl Fn(&Sheet) -> bool,
) -> Result<Code, Failure> {
    let mut printer = Printer::new(output, reader.is_many());
    let mut next = Instant::now();
    loop {
        let sheets = reader.read(reports)?;
        printer.print(&sheets)?;
        let Some(every) = output.every else {
            return Ok(if sheets.iter().any(has_failed) { FAILED } else { FINE });
        };
        // A round that takes longer than the time between two puts off the next ones.
        next = (next + every).max(Instant::now());
        reader.wait_until(next)?;
    }
}
