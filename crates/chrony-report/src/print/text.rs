//! Tables for people: scaled units, and words for signs, never and unknown.
//!
//! A report with one record is a list of its fields. A report with many is a table with a row for each record, and the
//! name of the source comes first.

use crate::print::layout::{BOLD, Table, Title};
use crate::sheet::Sheet;
use crate::sheet::column::{Column, SOURCE};
use crate::sheet::datum::{date, plain};
use anstyle::Style;
use chrony_health::quantity::{digits, offset, rate, seconds};
use libchrony::{Content, Datum, ReferenceId, Sense, Type, Unit};
use std::env;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

const DIM: Style = Style::new().dimmed();
pub(crate) const FAILED: Style = anstyle::AnsiColor::Red.on_default();

/// Writes sheets. With many chronyds, each row begins with its host. With several rounds, each begins with its time.
pub(crate) fn write(out: &mut impl Write, sheets: &[Sheet], is_many: bool, is_repeated: bool) -> io::Result<()> {
    let width = width();
    if is_repeated {
        writeln!(out, "{DIM}{}{DIM:#}", date(SystemTime::now()))?;
    }
    for (number, sheet) in sheets.iter().enumerate() {
        if sheets.len() > 1 {
            let between = if number > 0 { "\n" } else { "" };
            writeln!(out, "{between}{BOLD}{}{BOLD:#}", sheet.report)?;
        }
        write_sheet(out, sheet, is_many, width)?;
    }
    if is_repeated { writeln!(out) } else { Ok(()) }
}

/// Returns `COLUMNS`, or else the width of the terminal. Without a terminal, the width is unlimited.
fn width() -> usize {
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|&columns| columns > 0);
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    told.or_else(terminal).unwrap_or(usize::MAX)
}

/// Returns the table to show for a sheet.
fn shown(sheet: &Sheet, is_many: bool) -> Table {
    let records = || sheet.answers.iter().flat_map(|answer| answer.rows.iter().flatten().map(move |row| (answer, row)));
    let has_source = sheet.columns.first().is_some_and(|column| column.name == SOURCE);
    let is_shown = |&number: &usize| {
        let column = &sheet.columns[number];
        // The first column already shows this value.
        let is_told = |values: &[Datum]| values[number] == values[0] || values[number] == Datum::None;
        let is_source = has_source && number > 0 && column.content == Content::Address;
        !(column.is_noise || is_source && records().all(|(_, values)| is_told(values)))
    };
    let places: Vec<_> = (0..sheet.columns.len()).filter(is_shown).collect();
    let host = is_many.then(|| Title { text: "host".to_owned(), is_right: false });
    let titles = host.into_iter().chain(places.iter().map(|&number| title(&sheet.columns[number]))).collect();
    let rows = records().map(|(answer, values)| {
        let host = is_many.then(|| answer.shown());
        let has_address = has_source || !values.contains(&Datum::None);
        let show = |&number: &usize| match (&sheet.columns[number], &values[number]) {
            (Column { content: Content::ReferenceId, .. }, &Datum::Unsigned(id)) if id > 0 && !has_address => {
                let name = ReferenceId(u32::try_from(id).unwrap_or_default()).name();
                format!("{id:08X} ({name})")
            }
            (column, value) => show(column, value),
        };
        host.into_iter().chain(places.iter().map(show)).collect()
    });
    Table { titles, rows: rows.collect(), keys: usize::from(is_many) + usize::from(has_source) }
}

fn write_sheet(out: &mut impl Write, sheet: &Sheet, is_many: bool, width: usize) -> io::Result<()> {
    let table = shown(sheet, is_many);
    match table.rows.as_slice() {
        [] if !sheet.has_failed() => writeln!(out, "none")?,
        [] => {}
        [_] if sheet.is_single => table.write_turned(out)?,
        _ => table.write(out, width)?,
    }
    for answer in &sheet.answers {
        if let Err(error) = &answer.rows {
            let host = if is_many { format!("{}: ", answer.shown()) } else { String::new() };
            let style = if answer.is_not_available() { DIM } else { FAILED };
            writeln!(out, "{style}{host}{error}{style:#}")?;
        }
    }
    Ok(())
}

fn title(column: &Column) -> Title {
    let is_number = matches!(column.kind, Some(Type::Unsigned(_) | Type::Signed(_) | Type::Float));
    let is_right = is_number && !matches!(column.content, Content::Enum | Content::Flags | Content::Boolean);
    Title { text: column.title.clone(), is_right }
}

/// Formats a value for people.
fn show(column: &Column, value: &Datum) -> String {
    match value {
        Datum::Never => "never".to_owned(),
        Datum::Unknown => "unknown".to_owned(),
        Datum::None => "none".to_owned(),
        Datum::Boolean(value) => if *value { "yes" } else { "no" }.to_owned(),
        Datum::Time(time) => date(*time),
        Datum::Flags(words, 0) if words.is_empty() => "none".to_owned(),
        Datum::Flags(..) | Datum::Text(_) | Datum::Word(_) | Datum::Number(_) => plain(value),
        Datum::Unsigned(number) => match (column.content, column.kind) {
            (Content::ReferenceId, _) => format!("{number:08X}"),
            (Content::Bits, Some(Type::Unsigned(bits @ ..=8))) => format!("{number:0width$b}", width = bits as usize),
            (Content::Bits, _) => format!("{number:#x}"),
            (Content::IntervalSeconds, _) => seconds(Duration::from_secs(*number).as_secs_f64()),
            _ => with_unit(&number.to_string(), column.unit()),
        },
        Datum::Signed(number) => match column.unit() {
            Unit::Log2Seconds => seconds(f64::from(i32::try_from(*number).unwrap_or(i32::MAX)).exp2()),
            unit => with_unit(&number.to_string(), unit),
        },
        Datum::Float(number) => {
            let fast = column.positive.map(|sense| if sense == Sense::Fast { *number } else { -number });
            let text = match (fast, column.unit()) {
                (Some(fast), Unit::Seconds) => return offset(fast),
                (Some(fast), Unit::Ppm) => return rate(fast),
                (_, Unit::Seconds) => seconds(*number),
                (_, unit) => with_unit(&digits(*number), unit),
            };
            let is_signed = matches!(column.content, Content::OffsetSeconds | Content::OffsetPpm);
            if is_signed && *number > 0.0 && !text.starts_with("0 ") { format!("+{text}") } else { text }
        }
    }
}

fn with_unit(number: &str, unit: Unit) -> String {
    match unit.name() {
        "" => number.to_owned(),
        unit => format!("{number} {unit}"),
    }
}
