//! Prints reports: for people, or as JSON, lines of JSON, or CSV.

pub(crate) mod advice;
pub(crate) mod layout;
pub(crate) mod text;

use crate::error::Failure;
use crate::sheet::datum::{Json, exact, plain};
use crate::sheet::{Answer, Sheet};
use clap::ValueEnum;
use libchrony::Datum;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::io::{self, BufWriter, Write};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Jsonl,
    Csv,
}

/// The columns that all reports have in CSV.
const FIRST: [&str; 4] = ["report", "host", "time", "index"];

/// A row with its context. `schema` has its schema.
struct Line<'a> {
    sheet: &'a Sheet,
    answer: &'a Answer,
    /// The position of the record in chronyd's order, and its values; or the error if there is no record.
    record: Result<(usize, &'a [Datum]), String>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("report", &self.sheet.report)?;
        map.serialize_entry("host", &self.answer.host)?;
        map.serialize_entry("time", &exact(self.answer.time))?;
        match &self.record {
            Ok((index, values)) => {
                if !self.sheet.is_single {
                    map.serialize_entry("index", index)?;
                }
                for (column, value) in self.sheet.columns.iter().zip(*values) {
                    map.serialize_entry(&column.name, &Json(value))?;
                }
            }
            Err(error) => map.serialize_entry("error", error)?,
        }
        map.end()
    }
}

/// Returns the rows of a sheet, with a row for each chronyd that failed.
fn lines(sheet: &Sheet) -> impl Iterator<Item = Line<'_>> {
    sheet.answers.iter().flat_map(move |answer| {
        let records: Vec<_> = match &answer.rows {
            Ok(rows) => rows.iter().map(Vec::as_slice).enumerate().map(Ok).collect(),
            Err(error) => vec![Err(error.to_string())],
        };
        records.into_iter().map(move |record| Line { sheet, answer, record })
    })
}

/// A printer of one round or many.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    is_repeated: bool,
    /// True if there are several chronyds.
    is_many: bool,
    /// The CSV header that was printed.
    header: Vec<String>,
}

impl Printer {
    pub(crate) fn new(format: Format, is_repeated: bool, is_many: bool) -> Self {
        Self { format, is_repeated, is_many, header: Vec::new() }
    }

    /// Prints a round.
    pub(crate) fn print(&mut self, sheets: &[Sheet]) -> Result<(), Failure> {
        // This stream removes the colours where they are not wanted.
        let mut out = BufWriter::new(anstream::stdout().lock());
        let written = match self.format {
            Format::Text => text::write(&mut out, sheets, self.is_many, self.is_repeated),
            Format::Json => json(&mut out, sheets),
            Format::Jsonl => jsonl(&mut out, sheets),
            Format::Csv => csv(&mut out, sheets, &mut self.header),
        };
        written.and_then(|()| out.flush()).map_err(Failure::output)
    }
}

fn json(out: &mut impl Write, sheets: &[Sheet]) -> io::Result<()> {
    let mut between = "[\n";
    for line in sheets.iter().flat_map(lines) {
        write!(out, "{between}  {}", serde_json::to_string(&line)?)?;
        between = ",\n";
    }
    if between.starts_with('[') {
        write!(out, "[")?;
    }
    writeln!(out, "\n]")
}

fn jsonl(out: &mut impl Write, sheets: &[Sheet]) -> io::Result<()> {
    for line in sheets.iter().flat_map(lines) {
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

/// Writes CSV with a single header. The first columns, and the last one, `error`, are common to all reports.
fn csv(out: &mut impl Write, sheets: &[Sheet], header: &mut Vec<String>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for sheet in sheets {
        let names = sheet.columns.iter().map(|column| column.name.clone());
        let names: Vec<_> = FIRST.map(str::to_owned).into_iter().chain(names).chain(["error".to_owned()]).collect();
        if *header != names {
            writer.write_record(&names).map_err(of_csv)?;
            *header = names;
        }
        for line in lines(sheet) {
            let time = plain(&Datum::Time(line.answer.time));
            let (index, values, error) = match line.record {
                Ok((index, values)) => (index.to_string(), values, String::new()),
                Err(error) => (String::new(), &[][..], error),
            };
            let values = (0..sheet.columns.len()).map(|number| values.get(number).map_or_else(String::new, plain));
            let first = [sheet.report.clone(), line.answer.host.clone(), time, index];
            writer.write_record(first.into_iter().chain(values).chain([error])).map_err(of_csv)?;
        }
    }
    writer.flush()
}

/// Returns the underlying I/O error, which reveals a closed pipe.
fn of_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}
