//! The commands that print reports: each by its name, all of them, and any that libchrony knows.

use crate::ask::{Reader, Report};
use crate::command::{Asked, Chronyds, Get};
use crate::error::{FAILED, FINE, Failure};
use crate::output::{Format, Output, print};
use crate::rows::Sheet;
use libchrony::REPORTS;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

/// A report by its name.
pub(crate) fn run(asked: &Asked) -> Result<ExitCode, Failure> {
    let mut reader = Reader::new(&asked.chronyds)?;
    repeat(&mut reader, &asked.output, |reader| Ok(reader.read(&[asked.table])))
}

/// All reports.
pub(crate) fn all(chronyds: &Chronyds, output: &Output) -> Result<ExitCode, Failure> {
    if output.format == Format::Csv {
        return Err(Failure::Usage("CSV has one header, so it is of one report; name it, or use jsonl".to_owned()));
    }
    let mut reader = Reader::new(chronyds)?;
    repeat(&mut reader, output, |reader| Ok(reader.read(REPORTS)))
}

/// Any report.
pub(crate) fn get(chronyds: &Chronyds, asked: &Get) -> Result<ExitCode, Failure> {
    let mut reader = Reader::new(chronyds)?;
    let report: Report = reader.find(&asked.name)?;
    repeat(&mut reader, &asked.output, |reader| reader.read_any(&report))
}

/// Reads and prints, once or again and again.
fn repeat(
    reader: &mut Reader,
    output: &Output,
    mut read: impl FnMut(&mut Reader) -> Result<Vec<Sheet>, Failure>,
) -> Result<ExitCode, Failure> {
    let mut next = Instant::now();
    loop {
        let sheets = read(reader)?;
        // One chronyd that failed has no rows for people; what it says of itself is enough.
        print(&sheets, output.format, reader.is_many())?;
        let Some(every) = output.every else {
            let has_failed = sheets.iter().any(Sheet::has_failed);
            return Ok(ExitCode::from(if has_failed { FAILED } else { FINE }));
        };
        // A round that takes longer than the time between two puts off the next ones.
        next = (next + every).max(Instant::now());
        thread::sleep(next - Instant::now());
    }
}
